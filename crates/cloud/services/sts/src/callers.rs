//! Callers.

use serde_json::{Value, json};

use super::Sts;
use sagewright_cloud_core::api::{ApiError, Call, in_partition};

/// `GetCallerIdentity`
pub(super) async fn identity(_: &Sts, call: &Call) -> Result<Value, ApiError> {
    Ok(json!({
        "UserId": call.caller.user_id,
        "Account": call.caller.account,
        "Arn": in_partition(&call.caller.principal_arn, call.partition()),
    }))
}
