//! Page tokens, with SageMaker's error.

use serde_json::Value;

use sagewright_cloud_core::api::{ApiError, Call};
pub use sagewright_cloud_core::token::seal;

/// Where the page of a token ended.
///
/// # Errors
/// No request with the same filters and order returned the token.
pub fn open(call: &Call, token: &str) -> Result<(Value, String), ApiError> {
    sagewright_cloud_core::token::open(call, token).ok_or_else(|| {
        ApiError::validation(
            "Invalid NextToken: it was not returned by an earlier request with the same filters and order. Start again without it.",
        )
    })
}

/// The resource that a page ended with is not in the listing any more, and nothing else tells where the next one begins.
#[must_use]
pub fn stale() -> ApiError {
    ApiError::validation("Invalid NextToken: what its page ended with is gone. Start again without it.")
}
