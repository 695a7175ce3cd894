use serde_json::{Value, json};

use super::super::{Iam, check_document, name, refuse_members};
use super::to_output;
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::identity::unique_id;
use sagewright_cloud_policy::Kind;

pub(in super::super) async fn create(iam: &Iam, call: &Call) -> Result<Value, ApiError> {
    refuse_members(call, &["PermissionsBoundary"])?;
    let trust = name(call, "AssumeRolePolicyDocument");
    check_document(trust, Kind::Trust)?;
    let body = json!({
        "Path": call.text("Path").unwrap_or("/"),
        "RoleId": unique_id("AROA"),
        "AssumeRolePolicyDocument": trust,
        "Description": call.text("Description"),
        "MaxSessionDuration": call.input.get("MaxSessionDuration").and_then(Value::as_i64).unwrap_or(3600),
    });
    let (record, tags) = iam.insert(call, "role", name(call, "RoleName"), body).await?;
    let mut role = to_output(call, &record);
    role["Tags"] = tags;
    // AWS tells it of a role that exists, and not of one that it has just made.
    role["MaxSessionDuration"] = Value::Null;
    Ok(json!({"Role": role}))
}
