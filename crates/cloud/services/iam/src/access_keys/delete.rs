use serde_json::Value;

use super::super::users::user_name;
use super::super::{Iam, name};
use super::unknown;
use sagewright_cloud_core::api::{ApiError, Call};

pub(in super::super) async fn delete(iam: &Iam, call: &Call) -> Result<Value, ApiError> {
    let (user, id) = (user_name(call)?, name(call, "AccessKeyId"));
    iam.find(call, "user", &user).await?;
    let removed = iam.identity.delete_key(&call.caller.account, &user, id).await?;
    if removed { Ok(Value::Null) } else { Err(unknown(id)) }
}
