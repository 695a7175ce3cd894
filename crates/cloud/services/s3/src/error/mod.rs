//! How failures look on the wire: S3's codes, messages, statuses and error document.

mod detail;
mod document;
mod message;

use http::StatusCode;
use s3s::{S3Error, S3ErrorCode};

use super::store::{MAX_KEY, MIN_PART, StoreError};

pub(crate) use self::detail::{Detail, take_details};
pub(crate) use self::document::{ErrorContext, render};
pub(crate) use self::message::message;

/// An error of a code that `s3s` has no name for.
pub(crate) fn custom(code: &'static str, status: StatusCode, message: impl Into<String>) -> S3Error {
    let mut error = S3Error::with_message(S3ErrorCode::Custom(code.into()), message.into());
    error.set_status_code(status);
    error
}

/// `InvalidArgument` with what is wrong.
pub(crate) fn invalid_argument(message: impl Into<String>) -> S3Error {
    S3Error::with_message(S3ErrorCode::InvalidArgument, message.into())
}

/// `InvalidRequest` with what is wrong.
pub(crate) fn invalid_request(message: impl Into<String>) -> S3Error {
    S3Error::with_message(S3ErrorCode::InvalidRequest, message.into())
}

/// What this S3 does not do, by name.
pub(crate) fn not_implemented(message: impl Into<String>) -> S3Error {
    S3Error::with_message(S3ErrorCode::NotImplemented, message.into())
}

/// `InvalidArgument` with what is wrong with which argument.
pub(crate) fn wrong_argument(message: impl Into<String>, name: &str, value: impl ToString) -> S3Error {
    invalid_argument(message).detail("ArgumentName", name).detail("ArgumentValue", value)
}

/// An error with AWS's text for its code.
pub(crate) fn plain(code: S3ErrorCode) -> S3Error {
    let text = message(code.as_str());
    let mut error = S3Error::new(code);
    if let Some(text) = text {
        error.set_message(text);
    }
    error
}

impl From<StoreError> for S3Error {
    fn from(error: StoreError) -> Self {
        let mut mapped = match &error {
            StoreError::NoSuchBucket { bucket } => plain(S3ErrorCode::NoSuchBucket).detail("BucketName", bucket),
            StoreError::NoSuchKey { key, .. } => plain(S3ErrorCode::NoSuchKey).detail("Key", key),
            StoreError::BucketAlreadyExists { .. } => plain(S3ErrorCode::BucketAlreadyExists),
            StoreError::BucketAlreadyOwnedByYou { .. } => plain(S3ErrorCode::BucketAlreadyOwnedByYou),
            StoreError::BucketNotEmpty { .. } => plain(S3ErrorCode::BucketNotEmpty),
            StoreError::InvalidBucketName { bucket, .. } => {
                plain(S3ErrorCode::InvalidBucketName).detail("BucketName", bucket)
            }
            StoreError::InvalidKey { length } => {
                plain(S3ErrorCode::KeyTooLongError).detail("MaxSizeAllowed", MAX_KEY).detail("Size", length)
            }
            StoreError::NoSuchUpload { upload } => plain(S3ErrorCode::NoSuchUpload).detail("UploadId", upload),
            StoreError::InvalidPart { number, etag, upload } => plain(S3ErrorCode::InvalidPart)
                .detail("ETag", etag)
                .detail("PartNumber", number)
                .detail("UploadId", upload),
            StoreError::InvalidPartOrder { upload, .. } => {
                plain(S3ErrorCode::InvalidPartOrder).detail("UploadId", upload)
            }
            StoreError::EntityTooSmall { number, size, etag } => plain(S3ErrorCode::EntityTooSmall)
                .detail("ETag", etag)
                .detail("MinSizeAllowed", MIN_PART)
                .detail("PartNumber", number)
                .detail("ProposedSize", size),
            StoreError::PreconditionFailed { condition } => {
                plain(S3ErrorCode::PreconditionFailed).detail("Condition", condition)
            }
            StoreError::Conflict { condition, key } => {
                let code = "ConditionalRequestConflict";
                let mut conflict = plain(S3ErrorCode::Custom(code.into()));
                conflict.set_status_code(StatusCode::CONFLICT);
                conflict.detail("Condition", condition).detail("Key", key)
            }
            // These say more than AWS's fixed text would.
            StoreError::AccessDenied { .. } => with_text(S3ErrorCode::AccessDenied, &error),
            StoreError::InvalidRequest { .. } => with_text(S3ErrorCode::InvalidRequest, &error),
            StoreError::BadDigest { .. } => with_text(S3ErrorCode::BadDigest, &error),
            StoreError::Locked { .. }
            | StoreError::Io { .. }
            | StoreError::Database(_)
            | StoreError::Damaged { .. } => {
                tracing::error!(%error, "S3 storage failed");
                with_text(S3ErrorCode::InternalError, &error)
            }
        };
        mapped.set_source(Box::new(error));
        mapped
    }
}

fn with_text(code: S3ErrorCode, error: &StoreError) -> S3Error {
    S3Error::with_message(code, error.to_string())
}
