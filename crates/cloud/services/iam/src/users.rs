//! Users.

use serde_json::{Value, json};

use super::{Iam, delete_conflict, key, missing, name, page::page, refuse_member, seconds, tags};
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::identity::unique_id;
use sagewright_cloud_core::store::Record;

impl Iam {
    pub(super) fn create_user(&self, call: &Call) -> Result<Value, ApiError> {
        refuse_member(call, "PermissionsBoundary")?;
        let user_name = name(call, "UserName");
        let path = call.text("Path").unwrap_or("/");
        let now = call.now.as_millisecond();
        let record = Record {
            key: key(call, "user", user_name),
            arn: self.arn(&call.caller.account, "user", path, user_name),
            status: String::new(),
            created: now,
            modified: now,
            body: json!({"Path": path, "UserId": unique_id("AIDA")}),
        };
        if !self.store.insert(&record, &tags::of_input(call))? {
            let message = format!("User with name {user_name} already exists.");
            return Err(ApiError::new("EntityAlreadyExists", 409, message));
        }
        let mut user = to_output(&record);
        user["Tags"] = tags::to_output(tags::of_input(call)).into();
        Ok(json!({"User": user}))
    }

    pub(super) fn get_user(&self, call: &Call) -> Result<Value, ApiError> {
        let record = self.find(call, "user", &self.user_name(call)?)?;
        let mut user = to_output(&record);
        let tags = self.store.tags(&record.arn)?;
        if !tags.is_empty() {
            user["Tags"] = tags::to_output(tags).into();
        }
        Ok(json!({"User": user}))
    }

    pub(super) fn list_users(&self, call: &Call) -> Result<Value, ApiError> {
        let prefix = call.text("PathPrefix").unwrap_or("/");
        let users = self.store.list(&call.caller.account, "", "user")?;
        let of_path = users.iter().filter(|u| u.body["Path"].as_str().unwrap_or("/").starts_with(prefix));
        page(call, "Users", of_path.map(|u| (u.key.name.clone(), to_output(u))).collect())
    }

    pub(super) fn delete_user(&self, call: &Call) -> Result<Value, ApiError> {
        let user_name = name(call, "UserName");
        let user = self.find(call, "user", user_name)?;
        if !self.identity.keys(&call.caller.account, user_name)?.is_empty() {
            return Err(delete_conflict("Cannot delete entity, must delete access keys first."));
        }
        if self.store.delete(&user.key)? { Ok(Value::Null) } else { Err(missing("user", user_name)) }
    }

    /// The user that a call names, or else its caller.
    pub(super) fn user_name(&self, call: &Call) -> Result<String, ApiError> {
        if let Some(name) = call.text("UserName") {
            return Ok(name.to_owned());
        }
        let own = call.caller.principal_arn.split_once(":user/").and_then(|(_, path)| path.rsplit('/').next());
        own.map(str::to_owned).ok_or_else(|| {
            ApiError::new("ValidationError", 400, "Must specify userName when calling with non-User credentials")
        })
    }
}

fn to_output(user: &Record) -> Value {
    json!({
        "Path": user.body["Path"],
        "UserName": user.key.name,
        "UserId": user.body["UserId"],
        "Arn": user.arn,
        "CreateDate": seconds(user.created),
    })
}
