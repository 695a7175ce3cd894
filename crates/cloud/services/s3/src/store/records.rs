//! The rows of the database as values.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::Row;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::super::checksum::{Algorithm, Checksums};
use super::StoreError;
use super::content::ContentId;

/// A bucket.
#[derive(Debug, Clone)]
pub(crate) struct BucketRow {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) account: String,
    /// The location constraint that it was created with, or the region of its endpoint.
    pub(crate) location: String,
    pub(crate) created: Timestamp,
}

impl BucketRow {
    /// The region: `EU` is the old name of one.
    pub(crate) fn region(&self) -> &str {
        if self.location == "EU" { "eu-west-1" } else { &self.location }
    }

    /// The ARN.
    pub(crate) fn arn(&self) -> String {
        format!("arn:{}:s3:::{}", sagewright_cloud_core::region::partition(self.region()), self.name)
    }
}

/// The headers that a client stores with an object and gets back with it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Headers {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) content_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cache_control: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) content_disposition: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) content_encoding: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) content_language: Option<String>,
    /// In seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expires: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) website_redirect: Option<String>,
    /// What the client asked for as encryption at rest; recorded and returned, content is kept plain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) encryption: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) kms_key: Option<String>,
    /// `x-amz-meta-*`, without the prefix.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) user: BTreeMap<String, String>,
}

impl Headers {
    /// The encryption at rest that the object is said to have: S3 encrypts everything.
    pub(crate) fn encryption(&self) -> String {
        self.encryption.clone().unwrap_or_else(|| "AES256".to_owned())
    }
}

/// What is kept with an object besides its size, ETag and time.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Meta {
    pub(crate) headers: Headers,
    pub(crate) checksums: Checksums,
    /// Whether the checksums are over the parts' checksums rather than over the content.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) composite: bool,
    /// The multipart upload that made the object, for a completion that is sent again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) upload: Option<String>,
}

/// One part of an object made by a multipart upload.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PartMeta {
    pub(crate) size: u64,
    #[serde(default)]
    pub(crate) checksums: Checksums,
}

/// Tags in the order given.
pub(crate) type Tags = Vec<(String, String)>;

/// An object.
#[derive(Debug, Clone)]
pub(crate) struct ObjectRow {
    pub(crate) content: ContentId,
    pub(crate) size: u64,
    /// Without quotes.
    pub(crate) etag: String,
    pub(crate) modified: Timestamp,
    pub(crate) storage_class: String,
    pub(crate) meta: Meta,
    pub(crate) tags: Tags,
    /// Empty unless made by a multipart upload.
    pub(crate) parts: Vec<PartMeta>,
}

impl ObjectRow {
    pub(crate) const COLUMNS: &'static str = "content, size, etag, modified, storage_class, meta, tags, parts";

    /// Reads [`Self::COLUMNS`] from `row`.
    pub(crate) fn read(row: &Row<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            content: ContentId(row.get(0)?),
            size: unsigned(row, 1)?,
            etag: row.get(2)?,
            modified: timestamp(row.get(3)?)?,
            storage_class: row.get(4)?,
            meta: json("objects.meta", row.get_ref(5)?.as_str().map_err(rusqlite::Error::from)?)?,
            tags: optional_json("objects.tags", row.get(6)?)?,
            parts: optional_json("objects.parts", row.get(7)?)?,
        })
    }
}

/// What a multipart upload will give its object.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct UploadSpec {
    pub(crate) headers: Headers,
    pub(crate) tags: Tags,
    pub(crate) storage_class: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) algorithm: Option<Algorithm>,
    pub(crate) composite: bool,
    /// The content that was under the key when the upload began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) replaces: Option<i64>,
}

/// A multipart upload in progress.
#[derive(Debug, Clone)]
pub(crate) struct UploadRow {
    pub(crate) id: String,
    pub(crate) key: String,
    pub(crate) created: Timestamp,
    pub(crate) spec: UploadSpec,
}

/// An uploaded part of an upload in progress.
#[derive(Debug, Clone)]
pub(crate) struct PartRow {
    pub(crate) number: u32,
    pub(crate) content: ContentId,
    pub(crate) size: u64,
    pub(crate) etag: String,
    pub(crate) modified: Timestamp,
    pub(crate) checksums: Checksums,
}

/// SQLite's integers are signed; sizes and counts are not.
pub(crate) fn unsigned(row: &Row<'_>, index: usize) -> rusqlite::Result<u64> {
    row.get(index).map(|value: i64| value.max(0).cast_unsigned())
}

pub(crate) fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

pub(crate) fn timestamp(milliseconds: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_millisecond(milliseconds).map_err(|error| StoreError::damaged("a time", error))
}

pub(crate) fn key_text(key: Vec<u8>) -> Result<String, StoreError> {
    String::from_utf8(key).map_err(|error| StoreError::damaged("a key", error))
}

pub(crate) fn json<T: DeserializeOwned>(what: &'static str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::damaged(what, error))
}

fn optional_json<T: DeserializeOwned + Default>(what: &'static str, text: Option<String>) -> Result<T, StoreError> {
    text.map_or_else(|| Ok(T::default()), |text| json(what, &text))
}

pub(crate) fn to_json<T: Serialize>(what: &'static str, value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::damaged(what, error))
}

/// `NULL` for an empty list, so that the common object costs nothing.
pub(crate) fn list_json<T: Serialize>(what: &'static str, values: &[T]) -> Result<Option<String>, StoreError> {
    if values.is_empty() {
        return Ok(None);
    }
    to_json(what, &values).map(Some)
}
