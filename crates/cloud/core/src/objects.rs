//! What jobs and endpoints need of S3, inside the process.

use std::fs::File;
use std::path::Path;
use std::sync::atomic::AtomicBool;

/// One object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectInfo {
    /// Key.
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// Entity tag without quotes.
    pub etag: String,
}

/// Why an object could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// No such bucket.
    #[error("The specified bucket does not exist: {0}")]
    NoSuchBucket(String),
    /// No such key.
    #[error("No S3 object found at s3://{bucket}/{key}")]
    NoSuchKey {
        /// Bucket.
        bucket: String,
        /// Key.
        key: String,
    },
    /// The bucket belongs to another account.
    #[error("Access denied to bucket {0}")]
    AccessDenied(String),
    /// The disk or the database failed.
    #[error("S3 storage failed on s3://{bucket}/{key}: {why}")]
    Storage {
        /// Bucket.
        bucket: String,
        /// Key.
        key: String,
        /// Cause.
        why: String,
    },
}

/// Objects of the embedded S3 as an account sees them. All calls block.
pub trait Objects: Send + Sync + 'static {
    /// Facts of one object.
    ///
    /// # Errors
    /// The bucket or key is missing or not the account's.
    fn head(&self, account: &str, bucket: &str, key: &str) -> Result<ObjectInfo, ObjectError>;
    /// One object for reading.
    ///
    /// # Errors
    /// As [`Objects::head`].
    fn open(&self, account: &str, bucket: &str, key: &str) -> Result<(ObjectInfo, File), ObjectError>;
    /// All objects whose key starts with `prefix`, in key order.
    ///
    /// # Errors
    /// The bucket is missing or not the account's.
    fn list(&self, account: &str, bucket: &str, prefix: &str) -> Result<Vec<ObjectInfo>, ObjectError>;
    /// Whether any key starts with `prefix`.
    ///
    /// # Errors
    /// As [`Objects::list`].
    fn any(&self, account: &str, bucket: &str, prefix: &str) -> Result<bool, ObjectError> {
        self.list(account, bucket, prefix).map(|found| !found.is_empty())
    }
    /// The folders below `prefix`, which ends with a slash: their names, in their order.
    ///
    /// # Errors
    /// As [`Objects::list`].
    fn folders(&self, account: &str, bucket: &str, prefix: &str) -> Result<Vec<String>, ObjectError> {
        let found = self.list(account, bucket, prefix)?;
        let folder = |object: &ObjectInfo| Some(object.key.strip_prefix(prefix)?.split_once('/')?.0.to_owned());
        let mut folders: Vec<String> = found.iter().filter_map(folder).collect();
        folders.dedup();
        Ok(folders)
    }
    /// Stores a file's content; the source file may be moved.
    ///
    /// # Errors
    /// The bucket is missing or not the account's, or storage failed.
    fn put_file(&self, account: &str, bucket: &str, key: &str, source: &Path) -> Result<ObjectInfo, ObjectError>;
    /// As [`Objects::put_file`], but given up once `cancelled` is set: `None`, and nothing is stored.
    ///
    /// # Errors
    /// As [`Objects::put_file`].
    fn put_file_unless(
        &self,
        cancelled: &AtomicBool,
        account: &str,
        bucket: &str,
        key: &str,
        source: &Path,
    ) -> Result<Option<ObjectInfo>, ObjectError> {
        let _ = cancelled;
        self.put_file(account, bucket, key, source).map(Some)
    }
}

/// Bucket and key of `s3://bucket/key`; the key may be empty.
#[must_use]
pub fn parse_s3_uri(uri: &str) -> Option<(&str, &str)> {
    let rest = uri.strip_prefix("s3://")?;
    let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
    (!bucket.is_empty()).then_some((bucket, key))
}
