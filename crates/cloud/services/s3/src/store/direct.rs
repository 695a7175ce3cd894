//! The in-process face: what job runners and other services do with objects, for an account.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;

use super::super::authorize::Subject;
use super::super::checksum::Algorithm;
use super::content::{ContentWriter, Digest};
use super::{BucketRow, Headers, ListQuery, Listed, Meta, ObjectRow, Store, StoreError, WriteCondition};

/// The storage class of an object that names none.
pub(crate) const STANDARD: &str = "STANDARD";

/// What is known about an object without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectInfo {
    /// The bucket.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// The size in bytes.
    pub size: u64,
    /// The ETag, without quotes.
    pub etag: String,
    /// When it was last written.
    pub last_modified: Timestamp,
    /// The `Content-Type` that it was stored with.
    pub content_type: Option<String>,
}

impl ObjectInfo {
    fn new(bucket: &str, key: &str, object: &ObjectRow) -> Self {
        Self {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            size: object.size,
            etag: object.etag.clone(),
            last_modified: object.modified,
            content_type: object.meta.headers.content_type.clone(),
        }
    }
}

impl Store {
    /// Creates a bucket in `region`.
    ///
    /// # Errors
    /// [`StoreError::InvalidBucketName`], [`StoreError::BucketAlreadyOwnedByYou`],
    /// [`StoreError::BucketAlreadyExists`].
    pub fn create_bucket(&self, account: &str, bucket: &str, region: &str) -> Result<(), StoreError> {
        self.insert_bucket(account, bucket, region)
    }

    /// The account that owns `bucket`; `None` when there is no such bucket.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn bucket_owner(&self, bucket: &str) -> Result<Option<String>, StoreError> {
        match self.find_bucket(bucket) {
            Ok(found) => Ok(Some(found.account)),
            Err(StoreError::NoSuchBucket { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What is known about an object.
    ///
    /// # Errors
    /// [`StoreError::NoSuchBucket`], [`StoreError::NoSuchKey`], [`StoreError::AccessDenied`].
    pub fn head(&self, account: &str, bucket: &str, key: &str) -> Result<ObjectInfo, StoreError> {
        let row = self.bucket(&Subject::account(account), bucket, "s3:GetObject")?;
        let object = self.find_object(&row, key)?;
        Ok(ObjectInfo::new(bucket, key, &object))
    }

    /// Opens an object for reading. The file stays readable when the object is replaced or deleted.
    ///
    /// # Errors
    /// As [`Store::head`], and [`StoreError::Io`].
    pub fn open(&self, account: &str, bucket: &str, key: &str) -> Result<(ObjectInfo, File), StoreError> {
        let row = self.bucket(&Subject::account(account), bucket, "s3:GetObject")?;
        let (object, file) = self.open_object(&row, key)?;
        Ok((ObjectInfo::new(bucket, key, &object), file))
    }

    /// Stores a copy of the file at `path`.
    ///
    /// # Errors
    /// [`StoreError::NoSuchBucket`], [`StoreError::AccessDenied`], [`StoreError::InvalidKey`],
    /// [`StoreError::Io`].
    pub fn put_file(&self, account: &str, bucket: &str, key: &str, path: &Path) -> Result<ObjectInfo, StoreError> {
        let failed = |source| StoreError::io("read", path, source);
        let file = File::open(path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        self.put(account, bucket, key, |writer| writer.append(file, length))
    }

    /// Stores a copy of the file at `path`, unless `cancelled` is set before all of it is read: `None` then.
    ///
    /// # Errors
    /// As [`Store::put_file`].
    pub fn put_file_unless(
        &self,
        cancelled: &AtomicBool,
        account: &str,
        bucket: &str,
        key: &str,
        path: &Path,
    ) -> Result<Option<ObjectInfo>, StoreError> {
        let failed = |source| StoreError::io("read", path, source);
        let mut file = File::open(path).map_err(failed)?;
        let stored = self.put(account, bucket, key, |writer| {
            let mut buffer = vec![0; 256 * 1024];
            loop {
                if cancelled.load(Ordering::Relaxed) {
                    return Err(failed(std::io::Error::other("stopped")));
                }
                match file.read(&mut buffer).map_err(failed)? {
                    0 => return Ok(()),
                    read => writer.write(buffer.get(..read).unwrap_or_default())?,
                }
            }
        });
        match stored {
            Err(_) if cancelled.load(Ordering::Relaxed) => Ok(None),
            stored => stored.map(Some),
        }
    }

    /// Stores `data`.
    ///
    /// # Errors
    /// As [`Store::put_file`].
    pub fn put_bytes(&self, account: &str, bucket: &str, key: &str, data: &[u8]) -> Result<ObjectInfo, StoreError> {
        self.put(account, bucket, key, |writer| writer.write(data))
    }

    fn put(
        &self,
        account: &str,
        bucket: &str,
        key: &str,
        fill: impl FnOnce(&mut ContentWriter) -> Result<(), StoreError>,
    ) -> Result<ObjectInfo, StoreError> {
        let row = self.bucket(&Subject::account(account), bucket, "s3:PutObject")?;
        let mut writer = self.new_content(Digest::Md5, &[Algorithm::Crc64nvme])?;
        fill(&mut writer)?;
        let (draft, digests) = writer.finish();
        let object = ObjectRow {
            content: draft.id(),
            size: digests.size,
            etag: hex::encode(digests.md5),
            modified: self.modified_now(),
            storage_class: STANDARD.to_owned(),
            meta: Meta {
                headers: Headers { content_type: Some("binary/octet-stream".to_owned()), ..Headers::default() },
                checksums: digests.checksums,
                ..Meta::default()
            },
            tags: Vec::new(),
            parts: Vec::new(),
        };
        self.put_object(&row, key, &object, draft, &WriteCondition::None)?;
        Ok(ObjectInfo::new(bucket, key, &object))
    }

    /// Whether any key begins with `prefix`, told by the first one.
    ///
    /// # Errors
    /// As [`Store::list`].
    pub fn any(&self, account: &str, bucket: &str, prefix: &str) -> Result<bool, StoreError> {
        let row = self.bucket(&Subject::account(account), bucket, "s3:ListBucket")?;
        let page = self.list_page(&row, &ListQuery { prefix, delimiter: None, after: None, limit: 1 })?;
        Ok(!page.entries.is_empty())
    }

    /// The names of the folders below `prefix`, in their order.
    ///
    /// # Errors
    /// [`StoreError::NoSuchBucket`], [`StoreError::AccessDenied`].
    pub fn folders(&self, account: &str, bucket: &str, prefix: &str) -> Result<Vec<String>, StoreError> {
        let row = self.bucket(&Subject::account(account), bucket, "s3:ListBucket")?;
        let mut folders = Vec::new();
        let mut after = None;
        loop {
            let page = self.list_page(&row, &ListQuery { prefix, delimiter: Some("/"), after, limit: 1000 })?;
            for entry in page.entries {
                if let Listed::Prefix(folder) = entry {
                    folders.extend(folder.strip_prefix(prefix).map(|name| name.trim_end_matches('/').to_owned()));
                }
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(folders),
            }
        }
    }

    /// All objects whose key begins with `prefix`, by key.
    ///
    /// # Errors
    /// [`StoreError::NoSuchBucket`], [`StoreError::AccessDenied`].
    pub fn list(&self, account: &str, bucket: &str, prefix: &str) -> Result<Vec<ObjectInfo>, StoreError> {
        let row: BucketRow = self.bucket(&Subject::account(account), bucket, "s3:ListBucket")?;
        let mut objects = Vec::new();
        let mut after = None;
        loop {
            let page = self.list_page(&row, &ListQuery { prefix, delimiter: None, after, limit: 1000 })?;
            for entry in page.entries {
                if let Listed::Object(key, object) = entry {
                    objects.push(ObjectInfo::new(bucket, &key, &object));
                }
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(objects),
            }
        }
    }
}
