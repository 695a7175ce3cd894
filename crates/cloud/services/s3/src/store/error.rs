//! What can go wrong in the store.

use std::path::{Path, PathBuf};

/// Why the store refused or failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// No bucket has this name.
    #[error("The bucket '{bucket}' does not exist: create it, or check its name.")]
    NoSuchBucket {
        /// The name that was asked for.
        bucket: String,
    },
    /// The bucket has no object under this key.
    #[error("The bucket '{bucket}' has no object '{key}': upload it, or check the key.")]
    NoSuchKey {
        /// The bucket.
        bucket: String,
        /// The key that was asked for.
        key: String,
    },
    /// The caller's account does not own the bucket.
    #[error(
        "{principal} is not authorized to perform {action} on the bucket '{bucket}', which belongs to another account."
    )]
    AccessDenied {
        /// The ARN of the caller.
        principal: String,
        /// The IAM action.
        action: String,
        /// The bucket.
        bucket: String,
    },
    /// Another account has a bucket of this name.
    #[error(
        "The bucket name '{bucket}' belongs to another account: bucket names are shared by all accounts, choose another."
    )]
    BucketAlreadyExists {
        /// The name.
        bucket: String,
    },
    /// The caller's account has this bucket already.
    #[error("Your account already owns the bucket '{bucket}'.")]
    BucketAlreadyOwnedByYou {
        /// The name.
        bucket: String,
    },
    /// A bucket with objects in it cannot be deleted.
    #[error("The bucket '{bucket}' is not empty: delete its objects first.")]
    BucketNotEmpty {
        /// The bucket.
        bucket: String,
    },
    /// The name breaks a naming rule of S3.
    #[error("'{bucket}' is not a valid bucket name: {reason}.")]
    InvalidBucketName {
        /// The name.
        bucket: String,
        /// The rule that it breaks.
        reason: &'static str,
    },
    /// The key is empty or longer than 1024 bytes.
    #[error("The object key is {length} bytes long: a key has 1 to 1024 bytes.")]
    InvalidKey {
        /// Its length in bytes.
        length: usize,
    },
    /// No upload in progress has this id.
    #[error("The multipart upload '{upload}' does not exist: it may have been completed or aborted.")]
    NoSuchUpload {
        /// The upload id.
        upload: String,
    },
    /// A part named by a completion is missing or has another ETag or checksum.
    #[error("Part {number} of the multipart upload is missing or does not match what was uploaded.")]
    InvalidPart {
        /// The part number.
        number: u32,
        /// The ETag that the completion names.
        etag: String,
        /// The upload id.
        upload: String,
    },
    /// The parts named by a completion are not in ascending order.
    #[error("The parts are not in ascending order of part number at part {number}.")]
    InvalidPartOrder {
        /// The first part number out of order.
        number: u32,
        /// The upload id.
        upload: String,
    },
    /// A part other than the last is under 5 MiB.
    #[error("Part {number} has {size} bytes: every part but the last has at least 5242880.")]
    EntityTooSmall {
        /// The part number.
        number: u32,
        /// Its size in bytes.
        size: u64,
        /// Its ETag.
        etag: String,
    },
    /// A request contradicts itself or what it refers to.
    #[error("{reason}")]
    InvalidRequest {
        /// What contradicts what.
        reason: String,
    },
    /// A checksum or digest sent with the data does not match the data.
    #[error("The {algorithm} you specified did not match the calculated checksum.")]
    BadDigest {
        /// The algorithm.
        algorithm: &'static str,
    },
    /// The key was written or deleted while the conditional multipart upload was in progress.
    #[error("The object '{key}' changed while its upload was in progress ({condition}): start the upload again.")]
    Conflict {
        /// The condition of the completion.
        condition: &'static str,
        /// The key.
        key: String,
    },
    /// A conditional write found another state than its condition asks for.
    #[error("At least one of the pre-conditions you specified did not hold: {condition}")]
    PreconditionFailed {
        /// The header that did not hold.
        condition: &'static str,
    },
    /// Another process has the store open.
    #[error("'{}' is in use by another process: stop it, or choose another data folder.", root.display())]
    Locked {
        /// The root of the store.
        root: PathBuf,
    },
    /// A file operation failed.
    #[error("cannot {action} '{}': {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which path.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// A database operation failed.
    #[error("the object database failed: {0}")]
    Database(#[from] rusqlite::Error),
    /// A row holds what no version of this program wrote.
    #[error("the object database is damaged: {what}: {reason}")]
    Damaged {
        /// Which value.
        what: &'static str,
        /// Why it cannot be read.
        reason: String,
    },
}

impl StoreError {
    pub(crate) fn io(action: &'static str, path: &Path, source: std::io::Error) -> Self {
        Self::Io { action, path: path.to_owned(), source }
    }

    pub(crate) fn damaged(what: &'static str, reason: impl ToString) -> Self {
        Self::Damaged { what, reason: reason.to_string() }
    }
}
