use serde_json::Value;

use super::super::users::user_name;
use super::super::{Iam, name};
use super::unknown;
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::identity::KeyStatus;

pub(in super::super) async fn update(iam: &Iam, call: &Call) -> Result<Value, ApiError> {
    let (user, id) = (user_name(call)?, name(call, "AccessKeyId"));
    iam.find(call, "user", &user).await?;
    let status = match name(call, "Status") {
        "Active" => KeyStatus::Active,
        "Inactive" => KeyStatus::Inactive,
        other => {
            let message = format!("A key cannot be set to {other}; only to Active or Inactive");
            return Err(ApiError::new("ValidationError", 400, message));
        }
    };
    let changed = iam.identity.set_key_status(&call.caller.account, &user, id, status).await?;
    if changed { Ok(Value::Null) } else { Err(unknown(id)) }
}
