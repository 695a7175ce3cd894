use serde_json::Value;

use super::super::{Iam, delete_conflict, missing, name};
use sagewright_cloud_core::api::{ApiError, Call};

pub(in super::super) async fn delete(iam: &Iam, call: &Call) -> Result<Value, ApiError> {
    let user_name = name(call, "UserName");
    let user = iam.find(call, "user", user_name).await?;
    if !iam.identity.keys(&call.caller.account, user_name).await?.is_empty() {
        return Err(delete_conflict("Cannot delete entity, must delete access keys first."));
    }
    if !iam.store.delete(&user.key).await? {
        return Err(missing("user", user_name));
    }
    iam.identity.entity_deleted();
    Ok(Value::Null)
}
