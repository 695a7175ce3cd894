//! Policies inside roles. They are kept; calls are not yet checked against them.

use serde_json::{Value, json};

use super::{Iam, check_document, document, name, no_such_entity, page::page};
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_policy::Kind;

/// AWS's limit for all inline policies of a role together, white space not counted.
const LONGEST: usize = 10_240;

impl Iam {
    pub(super) fn put_role_policy(&self, call: &Call) -> Result<Value, ApiError> {
        let (role_name, policy_name, text) =
            (name(call, "RoleName"), name(call, "PolicyName"), name(call, "PolicyDocument"));
        self.change(call, "role", role_name, |role| {
            check_document(text, Kind::Identity)?;
            if !role.body["Inline"].is_object() {
                role.body["Inline"] = json!({});
            }
            role.body["Inline"][policy_name] = text.into();
            let texts = role.body["Inline"].as_object().into_iter().flatten().filter_map(|(_, v)| v.as_str());
            let long = texts.flat_map(str::chars).filter(|c| !c.is_whitespace()).count() > LONGEST;
            if long {
                let message = format!("Maximum policy size of {LONGEST} bytes exceeded for role {role_name}");
                return Err(ApiError::new("LimitExceeded", 409, message));
            }
            Ok(Value::Null)
        })
    }

    pub(super) fn get_role_policy(&self, call: &Call) -> Result<Value, ApiError> {
        let (role_name, policy_name) = (name(call, "RoleName"), name(call, "PolicyName"));
        let role = self.find(call, "role", role_name)?;
        let text = role.body["Inline"][policy_name].as_str().ok_or_else(|| unknown(policy_name))?;
        Ok(json!({"RoleName": role_name, "PolicyName": policy_name, "PolicyDocument": document(text)}))
    }

    pub(super) fn list_role_policies(&self, call: &Call) -> Result<Value, ApiError> {
        let role = self.find(call, "role", name(call, "RoleName"))?;
        let inline = role.body["Inline"].as_object();
        let mut names: Vec<String> = inline.into_iter().flat_map(|i| i.keys().cloned()).collect();
        names.sort_unstable();
        page(call, "PolicyNames", names.into_iter().map(|n| (n.clone(), Value::String(n))).collect())
    }

    pub(super) fn delete_role_policy(&self, call: &Call) -> Result<Value, ApiError> {
        let policy_name = name(call, "PolicyName");
        self.change(call, "role", name(call, "RoleName"), |role| {
            let removed = role.body["Inline"].as_object_mut().and_then(|inline| inline.shift_remove(policy_name));
            removed.map(|_| Value::Null).ok_or_else(|| unknown(policy_name))
        })
    }
}

fn unknown(policy_name: &str) -> ApiError {
    no_such_entity(format!("The role policy with name {policy_name} cannot be found."))
}
