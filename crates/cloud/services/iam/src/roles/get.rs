use serde_json::{Value, json};

use super::super::{Iam, name, tags};
use super::to_output;
use sagewright_cloud_core::api::{ApiError, Call};

pub(in super::super) async fn get(iam: &Iam, call: &Call) -> Result<Value, ApiError> {
    let record = iam.find(call, "role", name(call, "RoleName")).await?;
    let mut role = to_output(call, &record);
    role["Tags"] = tags::to_output(iam.store.tags_of(&record.arn).await?);
    role["RoleLastUsed"] = json!({});
    Ok(json!({"Role": role}))
}
