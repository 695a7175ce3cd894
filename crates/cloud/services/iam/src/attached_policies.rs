//! AWS-managed policies attached to roles. They are kept by ARN; calls are not yet checked against them.

use serde_json::{Value, json};

use super::{Iam, name, no_such_entity, page::page};
use sagewright_cloud_core::api::{ApiError, Call};

impl Iam {
    pub(super) fn attach_role_policy(&self, call: &Call) -> Result<Value, ApiError> {
        let arn = name(call, "PolicyArn");
        self.change(call, "role", name(call, "RoleName"), |role| {
            // Customer-managed policies cannot be made here, so none exists.
            if self.managed_name(arn).is_none() {
                return Err(no_such_entity(format!("Policy {arn} does not exist or is not attachable.")));
            }
            if !role.body["Attached"].is_array() {
                role.body["Attached"] = json!([]);
            }
            if let Some(attached) = role.body["Attached"].as_array_mut()
                && attached.iter().all(|a| a != arn)
            {
                attached.push(arn.into());
            }
            Ok(Value::Null)
        })
    }

    pub(super) fn detach_role_policy(&self, call: &Call) -> Result<Value, ApiError> {
        let arn = name(call, "PolicyArn");
        self.change(call, "role", name(call, "RoleName"), |role| {
            let attached = role.body["Attached"].as_array_mut();
            let position = attached.as_ref().and_then(|a| a.iter().position(|a| a == arn));
            match attached.zip(position) {
                Some((attached, at)) => {
                    attached.remove(at);
                    Ok(Value::Null)
                }
                None => Err(no_such_entity(format!("Policy {arn} was not found."))),
            }
        })
    }

    pub(super) fn list_attached_role_policies(&self, call: &Call) -> Result<Value, ApiError> {
        let role = self.find(call, "role", name(call, "RoleName"))?;
        let prefix = call.text("PathPrefix").unwrap_or("/");
        let attached = role.body["Attached"].as_array();
        let mut items: Vec<(String, Value)> = attached
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .filter(|arn| arn.split_once(":policy").is_some_and(|(_, path)| path.starts_with(prefix)))
            .map(|arn| (arn.to_owned(), json!({"PolicyName": self.managed_name(arn), "PolicyArn": arn})))
            .collect();
        items.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        page(call, "AttachedPolicies", items)
    }

    /// `AmazonSageMakerFullAccess` of `arn:aws:iam::aws:policy/AmazonSageMakerFullAccess`; AWS's own policies only.
    fn managed_name<'a>(&self, arn: &'a str) -> Option<&'a str> {
        let path =
            arn.strip_prefix("arn:")?.strip_prefix(self.identity.partition())?.strip_prefix(":iam::aws:policy/")?;
        let name = path.rsplit('/').next()?;
        let plain = |c: char| c.is_ascii_alphanumeric() || "+=,.@-_/".contains(c);
        (!name.is_empty() && path.chars().all(plain)).then_some(name)
    }
}
