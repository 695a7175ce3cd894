use serde_json::{Value, json};

use super::super::{Iam, check_document, limit_exceeded, name, size};
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_policy::Kind;

/// AWS's limit for all inline policies of a role together, white space not counted.
const LONGEST: usize = 10_240;

pub(in super::super) async fn put(iam: &Iam, call: &Call) -> Result<Value, ApiError> {
    let (role_name, policy_name, text) =
        (name(call, "RoleName"), name(call, "PolicyName"), name(call, "PolicyDocument"));
    iam.change(call, "role", role_name, |role| {
        check_document(text, Kind::Identity)?;
        if !role.body["Inline"].is_object() {
            role.body["Inline"] = json!({});
        }
        role.body["Inline"][policy_name] = text.into();
        let texts = role.body["Inline"].as_object().into_iter().flatten().filter_map(|(_, v)| v.as_str());
        if texts.map(size).sum::<usize>() > LONGEST {
            return Err(limit_exceeded(format!(
                "Maximum policy size of {LONGEST} bytes exceeded for role {role_name}"
            )));
        }
        Ok(Value::Null)
    })
    .await
}
