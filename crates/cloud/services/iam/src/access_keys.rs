//! Access keys of users.

use serde_json::{Value, json};

use super::{Iam, name, no_such_entity, page::page, seconds};
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::identity::KeyStatus;

/// AWS's quota.
const KEYS_PER_USER: usize = 2;

impl Iam {
    pub(super) fn create_access_key(&self, call: &Call) -> Result<Value, ApiError> {
        let user = self.user_name(call)?;
        self.find(call, "user", &user)?;
        if self.identity.keys(&call.caller.account, &user)?.len() >= KEYS_PER_USER {
            let message = format!("Cannot exceed quota for AccessKeysPerUser: {KEYS_PER_USER}");
            return Err(ApiError::new("LimitExceeded", 409, message));
        }
        let key = self.identity.create_key(&call.caller.account, &user)?;
        Ok(json!({"AccessKey": {
            "UserName": user,
            "AccessKeyId": key.id,
            "Status": "Active",
            "SecretAccessKey": key.secret.reveal(),
            "CreateDate": seconds(key.created),
        }}))
    }

    pub(super) fn list_access_keys(&self, call: &Call) -> Result<Value, ApiError> {
        let user = self.user_name(call)?;
        self.find(call, "user", &user)?;
        let mut items: Vec<(String, Value)> = self
            .identity
            .keys(&call.caller.account, &user)?
            .into_iter()
            .map(|key| {
                let status = if key.status == KeyStatus::Active { "Active" } else { "Inactive" };
                let value = json!({"UserName": user, "AccessKeyId": key.id, "Status": status, "CreateDate": seconds(key.created)});
                (key.id, value)
            })
            .collect();
        items.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        page(call, "AccessKeyMetadata", items)
    }

    pub(super) fn update_access_key(&self, call: &Call) -> Result<Value, ApiError> {
        let (user, id) = (self.user_name(call)?, name(call, "AccessKeyId"));
        self.find(call, "user", &user)?;
        let status = match name(call, "Status") {
            "Active" => KeyStatus::Active,
            "Inactive" => KeyStatus::Inactive,
            other => {
                return Err(ApiError::new(
                    "ValidationError",
                    400,
                    format!("A key cannot be set to {other}; only to Active or Inactive"),
                ));
            }
        };
        let changed = self.identity.set_key_status(&call.caller.account, &user, id, status)?;
        if changed { Ok(Value::Null) } else { Err(unknown(id)) }
    }

    pub(super) fn delete_access_key(&self, call: &Call) -> Result<Value, ApiError> {
        let (user, id) = (self.user_name(call)?, name(call, "AccessKeyId"));
        self.find(call, "user", &user)?;
        let removed = self.identity.delete_key(&call.caller.account, &user, id)?;
        if removed { Ok(Value::Null) } else { Err(unknown(id)) }
    }
}

fn unknown(id: &str) -> ApiError {
    no_such_entity(format!("The Access Key with id {id} cannot be found."))
}
