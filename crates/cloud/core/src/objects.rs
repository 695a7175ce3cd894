//! What jobs and endpoints need of S3, inside the process.

use std::fs::{self, File};
use std::path::Path;
use std::sync::atomic::AtomicBool;

use crate::work;

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

/// Most bytes of an object's key.
pub const LONGEST_KEY: usize = 1024;

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
    /// No object can have such a key.
    #[error("The key of an S3 object has 1 to 1024 bytes, and this one in bucket {bucket} has {length}")]
    InvalidKey {
        /// Bucket.
        bucket: String,
        /// Bytes of the key.
        length: usize,
    },
    /// The disk or the database failed. The message may be shown to anybody: it names no path of this machine.
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

impl ObjectError {
    /// Whether the same may work later, without a change of the request's: a disk that is full may have room again.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Storage { .. })
    }
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

/// Stores bytes as an object, by way of a new file in a folder. Blocks.
///
/// # Errors
/// As [`Objects::put_file`].
pub fn put_bytes(
    objects: &dyn Objects,
    folder: &Path,
    account: &str,
    (bucket, key): (&str, &str),
    bytes: &[u8],
) -> Result<ObjectInfo, ObjectError> {
    let path = work::new(folder);
    let written = fs::create_dir_all(folder).and_then(|()| fs::write(&path, bytes)).map_err(|error| {
        tracing::warn!(path = %path.display(), %error, "a file that is to become an object cannot be written");
        ObjectError::Storage { bucket: bucket.to_owned(), key: key.to_owned(), why: error.to_string() }
    });
    let stored = written.and_then(|()| objects.put_file(account, bucket, key, &path));
    // Where it was not moved.
    drop(fs::remove_file(&path));
    stored
}

/// Bucket and key of `s3://bucket/key`; the key may be empty.
#[must_use]
pub fn parse_s3_uri(uri: &str) -> Option<(&str, &str)> {
    let rest = uri.strip_prefix("s3://")?;
    let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
    (!bucket.is_empty()).then_some((bucket, key))
}
