use serde_json::{Value, json};

use super::super::{Iam, document, name};
use super::unknown;
use sagewright_cloud_core::api::{ApiError, Call};

pub(in super::super) async fn get(iam: &Iam, call: &Call) -> Result<Value, ApiError> {
    let (role_name, policy_name) = (name(call, "RoleName"), name(call, "PolicyName"));
    let role = iam.find(call, "role", role_name).await?;
    let text = role.body["Inline"][policy_name].as_str().ok_or_else(|| unknown(policy_name))?;
    Ok(json!({"RoleName": role_name, "PolicyName": policy_name, "PolicyDocument": document(text)}))
}
