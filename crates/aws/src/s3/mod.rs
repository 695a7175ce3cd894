//! S3 beside the port: files and bytes, streamed, with the same credentials, endpoints and retries.

mod body;
mod get;
mod multipart;
mod persist;
mod put;

pub use get::{get_bytes, get_to_file, head};
pub use put::{put_bytes, put_file};

use bytes::Bytes;
use sagewright_port::cloud::{CloudError, Target};
use serde_json::{Value, json};

use crate::client::Aws;
use crate::paging::Pager;

/// What is known of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObjectInfo {
    /// Key.
    pub key: String,
    /// Size in bytes.
    pub size: u64,
    /// Entity tag, with its quotes.
    pub etag: Option<String>,
    /// MIME type, where it was asked for.
    pub content_type: Option<String>,
    /// RFC 3339 text.
    pub last_modified: Option<String>,
    /// Version id, in a versioned bucket.
    pub version_id: Option<String>,
}

/// An object in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// What is known of it.
    pub info: ObjectInfo,
    /// Its content.
    pub body: Bytes,
}

/// All objects whose keys begin with `prefix`, in key order.
///
/// # Errors
/// As for every call.
pub async fn list(aws: &Aws, target: &Target, bucket: &str, prefix: &str) -> Result<Vec<ObjectInfo>, CloudError> {
    // Keys may hold characters that XML cannot; asking for URL encoding keeps every listing readable.
    let input = json!({"Bucket": bucket, "Prefix": prefix, "EncodingType": "url"});
    let mut pager = Pager::new(target, "s3", "ListObjectsV2", input);
    let mut objects = Vec::new();
    while let Some(page) = persist::next_page(aws, &mut pager).await? {
        let encoded = page.get("EncodingType").and_then(Value::as_str) == Some("url");
        for item in page.get("Contents").and_then(Value::as_array).into_iter().flatten() {
            let text = |name: &str| item.get(name).and_then(Value::as_str).map(str::to_owned);
            let key = text("Key").unwrap_or_default();
            objects.push(ObjectInfo {
                key: if encoded { decode_key(&key) } else { key },
                size: item.get("Size").and_then(Value::as_u64).unwrap_or_default(),
                etag: text("ETag"),
                last_modified: text("LastModified"),
                ..ObjectInfo::default()
            });
        }
    }
    Ok(objects)
}

/// S3 writes a space as a plus sign in encoded keys.
fn decode_key(key: &str) -> String {
    percent_encoding::percent_decode_str(&key.replace('+', "%20")).decode_utf8_lossy().into_owned()
}

/// Creates a bucket in the target's region. One that the caller already owns is fine.
///
/// # Errors
/// As for every call; `BucketAlreadyExists` where another account owns the name.
pub async fn create_bucket(aws: &Aws, target: &Target, bucket: &str) -> Result<(), CloudError> {
    let region = target.region.as_str();
    let input = match region {
        // The one region that must not be named.
        "us-east-1" => json!({"Bucket": bucket}),
        region => json!({"Bucket": bucket, "CreateBucketConfiguration": {"LocationConstraint": region}}),
    };
    match persist::call(aws, target, "CreateBucket", input).await {
        Err(error) if error.code == "BucketAlreadyOwnedByYou" => Ok(()),
        result => result.map(|_| ()),
    }
}

/// Deletes an object. One that does not exist is fine.
///
/// # Errors
/// As for every call.
pub async fn delete(aws: &Aws, target: &Target, bucket: &str, key: &str) -> Result<(), CloudError> {
    persist::call(aws, target, "DeleteObject", json!({"Bucket": bucket, "Key": key})).await.map(|_| ())
}
