//! Tags of roles and users.

use serde_json::{Value, json};

use super::{Iam, name, page::page};
use sagewright_cloud_core::api::{ApiError, Call};

/// The member that names the entity.
fn name_member(kind: &str) -> &'static str {
    if kind == "role" { "RoleName" } else { "UserName" }
}

/// The `Tags` of an input.
pub(super) fn of_input(call: &Call) -> Vec<(String, String)> {
    let text = |tag: &Value, member: &str| tag[member].as_str().unwrap_or_default().to_owned();
    let tags = call.input.get("Tags").and_then(Value::as_array);
    tags.into_iter().flatten().map(|tag| (text(tag, "Key"), text(tag, "Value"))).collect()
}

/// Tags as an answer carries them.
pub(super) fn to_output(tags: Vec<(String, String)>) -> Vec<Value> {
    tags.into_iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect()
}

impl Iam {
    pub(super) fn tag(&self, call: &Call, kind: &'static str) -> Result<Value, ApiError> {
        let record = self.find(call, kind, name(call, name_member(kind)))?;
        let new = of_input(call);
        let mut all = self.store.tags(&record.arn)?;
        all.retain(|(key, _)| new.iter().all(|(k, _)| k != key));
        if all.len() + new.len() > 50 {
            return Err(ApiError::new("LimitExceeded", 409, "The number of tags has reached the maximum limit."));
        }
        self.store.put_tags(&record.arn, &new)?;
        Ok(Value::Null)
    }

    pub(super) fn untag(&self, call: &Call, kind: &'static str) -> Result<Value, ApiError> {
        let record = self.find(call, kind, name(call, name_member(kind)))?;
        let keys = call.input.get("TagKeys").and_then(Value::as_array);
        let keys: Vec<String> = keys.into_iter().flatten().filter_map(|k| Some(k.as_str()?.to_owned())).collect();
        self.store.delete_tags(&record.arn, &keys)?;
        Ok(Value::Null)
    }

    pub(super) fn list_tags(&self, call: &Call, kind: &'static str) -> Result<Value, ApiError> {
        let record = self.find(call, kind, name(call, name_member(kind)))?;
        let tags = self.store.tags(&record.arn)?;
        let items = tags.into_iter().map(|(key, value)| (key.clone(), json!({"Key": key, "Value": value}))).collect();
        page(call, "Tags", items)
    }
}
