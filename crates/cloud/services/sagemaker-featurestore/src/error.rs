//! Errors of the runtime API.

use sagewright_cloud_core::api::{ApiError, Call};

/// `ValidationError`, 400.
pub fn validation(message: impl Into<String>) -> ApiError {
    ApiError::new("ValidationError", 400, message)
}

/// `ResourceNotFound`, 404; a `ValidationError` where the operation declares no such error, as AWS answers `PutRecord`.
pub fn missing(call: &Call, message: impl Into<String>) -> ApiError {
    match call.operation.errors.iter().any(|error| error.shape == "ResourceNotFound") {
        true => ApiError::new("ResourceNotFound", 404, message),
        false => validation(message),
    }
}

/// `AccessForbidden`, 403.
pub fn forbidden(message: impl Into<String>) -> ApiError {
    ApiError::new("AccessForbidden", 403, message)
}
