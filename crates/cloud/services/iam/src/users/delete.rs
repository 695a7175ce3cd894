use serde_json::Value;

use super::super::{Iam, delete_conflict, missing, name};
use sagewright_cloud_core::api::{ApiError, Call};

pub(in super::super) fn delete(iam: &Iam, call: &Call) -> Result<Value, ApiError> {
    let user_name = name(call, "UserName");
    let user = iam.find(call, "user", user_name)?;
    if !iam.identity.keys(&call.caller.account, user_name)?.is_empty() {
        return Err(delete_conflict("Cannot delete entity, must delete access keys first."));
    }
    if !iam.store.delete(&user.key)? {
        return Err(missing("user", user_name));
    }
    iam.identity.entity_deleted(&call.caller.account, "user", user_name)?;
    Ok(Value::Null)
}
