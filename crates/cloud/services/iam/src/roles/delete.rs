use serde_json::Value;

use super::super::{Iam, delete_conflict, missing, name};
use sagewright_cloud_core::api::{ApiError, Call};

pub(in super::super) async fn delete(iam: &Iam, call: &Call) -> Result<Value, ApiError> {
    let role_name = name(call, "RoleName");
    let role = iam.find(call, "role", role_name).await?;
    if role.body["Attached"].as_array().is_some_and(|a| !a.is_empty()) {
        return Err(delete_conflict("Cannot delete entity, must detach all policies first."));
    }
    if role.body["Inline"].as_object().is_some_and(|i| !i.is_empty()) {
        return Err(delete_conflict("Cannot delete entity, must delete policies first."));
    }
    if !iam.store.delete(&role.key).await? {
        return Err(missing("role", role_name));
    }
    iam.identity.entity_deleted();
    Ok(Value::Null)
}
