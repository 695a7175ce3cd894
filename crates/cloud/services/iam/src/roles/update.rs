use serde_json::{Value, json};

use super::super::{Iam, check_document, name};
use super::to_output;
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_policy::Kind;

pub(in super::super) async fn update(iam: &Iam, call: &Call) -> Result<Value, ApiError> {
    iam.change(call, "role", name(call, "RoleName"), |role| {
        for member in ["Description", "MaxSessionDuration"] {
            if let Some(value) = call.input.get(member) {
                role.body[member] = value.clone();
            }
        }
        Ok(json!({}))
    })
    .await
}

pub(in super::super) async fn update_description(iam: &Iam, call: &Call) -> Result<Value, ApiError> {
    iam.change(call, "role", name(call, "RoleName"), |role| {
        role.body["Description"] = name(call, "Description").into();
        Ok(json!({"Role": to_output(call, role)}))
    })
    .await
}

/// `UpdateAssumeRolePolicy`
pub(in super::super) async fn update_trust(iam: &Iam, call: &Call) -> Result<Value, ApiError> {
    let trust = name(call, "PolicyDocument");
    iam.change(call, "role", name(call, "RoleName"), |role| {
        check_document(trust, Kind::Trust)?;
        role.body["AssumeRolePolicyDocument"] = trust.into();
        Ok(Value::Null)
    })
    .await
}
