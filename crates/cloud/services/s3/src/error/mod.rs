//! How failures look on the wire: S3's codes, messages, statuses and error document.

mod document;
mod message;

use http::StatusCode;
use s3s::{S3Error, S3ErrorCode};

use super::store::StoreError;

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

impl From<StoreError> for S3Error {
    fn from(error: StoreError) -> Self {
        let code = match &error {
            StoreError::NoSuchBucket { .. } => S3ErrorCode::NoSuchBucket,
            StoreError::NoSuchKey { .. } => S3ErrorCode::NoSuchKey,
            StoreError::BucketAlreadyExists { .. } => S3ErrorCode::BucketAlreadyExists,
            StoreError::BucketAlreadyOwnedByYou { .. } => S3ErrorCode::BucketAlreadyOwnedByYou,
            StoreError::BucketNotEmpty { .. } => S3ErrorCode::BucketNotEmpty,
            StoreError::InvalidBucketName { .. } => S3ErrorCode::InvalidBucketName,
            StoreError::InvalidKey { .. } => S3ErrorCode::KeyTooLongError,
            StoreError::NoSuchUpload { .. } => S3ErrorCode::NoSuchUpload,
            StoreError::InvalidPart { .. } => S3ErrorCode::InvalidPart,
            StoreError::InvalidPartOrder { .. } => S3ErrorCode::InvalidPartOrder,
            StoreError::EntityTooSmall { .. } => S3ErrorCode::EntityTooSmall,
            StoreError::PreconditionFailed { .. } => S3ErrorCode::PreconditionFailed,
            // These say more than AWS's fixed text would.
            StoreError::AccessDenied { .. } => return with_text(S3ErrorCode::AccessDenied, &error),
            StoreError::InvalidRequest { .. } => {
                return with_text(S3ErrorCode::InvalidRequest, &error);
            }
            StoreError::BadDigest { .. } => return with_text(S3ErrorCode::BadDigest, &error),
            StoreError::Locked { .. }
            | StoreError::Io { .. }
            | StoreError::Database(_)
            | StoreError::Damaged { .. } => {
                tracing::error!(%error, "S3 storage failed");
                return with_text(S3ErrorCode::InternalError, &error);
            }
        };
        let text = message(code.as_str());
        let mut mapped = Self::new(code);
        if let Some(text) = text {
            mapped.set_message(text);
        }
        mapped.set_source(Box::new(error));
        mapped
    }
}

fn with_text(code: S3ErrorCode, error: &StoreError) -> S3Error {
    S3Error::with_message(code, error.to_string())
}
