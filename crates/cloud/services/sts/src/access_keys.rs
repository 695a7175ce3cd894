//! What is known of keys.

use serde_json::{Value, json};

use super::{Sts, invalid};
use sagewright_cloud_core::api::{ApiError, Call};

/// `GetAccessKeyInfo`
pub(super) async fn info(sts: &Sts, call: &Call) -> Result<Value, ApiError> {
    let id = call.text("AccessKeyId").unwrap_or_default();
    match sts.identity.lookup(id).await? {
        Some(principal) => Ok(json!({"Account": principal.account})),
        None => Err(invalid(format!("Access key {id} is not known to the embedded cloud"))),
    }
}
