//! What the requests of several kinds of jobs share.

use sagewright_cloud_core::api::ApiError;
pub use sagewright_cloud_sagemaker_base::inputs::below_opt_ml;
use serde_json::Value;

use super::location::Location;

/// One day, in seconds: how long AWS lets a job run that says nothing.
pub const MAX_RUNTIME_SECONDS: u64 = 86_400;

/// Sets the members of an object that are not there.
pub fn fill(target: Option<&mut Value>, defaults: &[(&str, Value)]) {
    if let Some(Value::Object(map)) = target {
        map.retain(|_, value| !value.is_null());
        for (member, value) in defaults {
            map.entry(*member).or_insert_with(|| value.clone());
        }
    }
}

/// A place in S3 that a request names.
///
/// # Errors
/// It is none.
pub fn s3(uri: &str) -> Result<Location, ApiError> {
    Location::parse(uri).map_err(ApiError::validation)
}
