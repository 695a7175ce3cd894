//! Roles.

use serde_json::{Value, json};

use super::{
    Iam, check_document, delete_conflict, document, key, missing, name, page::page, refuse_member, seconds, tags,
};
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::identity::unique_id;
use sagewright_cloud_core::store::Record;
use sagewright_cloud_policy::Kind;

impl Iam {
    pub(super) fn create_role(&self, call: &Call) -> Result<Value, ApiError> {
        refuse_member(call, "PermissionsBoundary")?;
        let role_name = name(call, "RoleName");
        let trust = name(call, "AssumeRolePolicyDocument");
        check_document(trust, Kind::Trust)?;
        let path = call.text("Path").unwrap_or("/");
        let now = call.now.as_millisecond();
        let record = Record {
            key: key(call, "role", role_name),
            arn: self.arn(&call.caller.account, "role", path, role_name),
            status: String::new(),
            created: now,
            modified: now,
            body: json!({
                "Path": path,
                "RoleId": unique_id("AROA"),
                "AssumeRolePolicyDocument": trust,
                "Description": call.text("Description"),
                "MaxSessionDuration": call.input.get("MaxSessionDuration").and_then(Value::as_i64).unwrap_or(3600),
            }),
        };
        if !self.store.insert(&record, &tags::of_input(call))? {
            let message = format!("Role with name {role_name} already exists.");
            return Err(ApiError::new("EntityAlreadyExists", 409, message));
        }
        let mut role = to_output(&record);
        role["Tags"] = tags::to_output(tags::of_input(call)).into();
        Ok(json!({"Role": role}))
    }

    pub(super) fn get_role(&self, call: &Call) -> Result<Value, ApiError> {
        let record = self.find(call, "role", name(call, "RoleName"))?;
        let mut role = to_output(&record);
        let tags = self.store.tags(&record.arn)?;
        if !tags.is_empty() {
            role["Tags"] = tags::to_output(tags).into();
        }
        role["RoleLastUsed"] = json!({});
        Ok(json!({"Role": role}))
    }

    pub(super) fn list_roles(&self, call: &Call) -> Result<Value, ApiError> {
        let prefix = call.text("PathPrefix").unwrap_or("/");
        let roles = self.store.list(&call.caller.account, "", "role")?;
        let of_path = roles.iter().filter(|r| r.body["Path"].as_str().unwrap_or("/").starts_with(prefix));
        page(call, "Roles", of_path.map(|r| (r.key.name.clone(), to_output(r))).collect())
    }

    pub(super) fn update_role(&self, call: &Call) -> Result<Value, ApiError> {
        self.change(call, "role", name(call, "RoleName"), |role| {
            for member in ["Description", "MaxSessionDuration"] {
                if let Some(value) = call.input.get(member) {
                    role.body[member] = value.clone();
                }
            }
            Ok(json!({}))
        })
    }

    pub(super) fn update_role_description(&self, call: &Call) -> Result<Value, ApiError> {
        self.change(call, "role", name(call, "RoleName"), |role| {
            role.body["Description"] = name(call, "Description").into();
            Ok(json!({"Role": to_output(role)}))
        })
    }

    pub(super) fn update_assume_role_policy(&self, call: &Call) -> Result<Value, ApiError> {
        let trust = name(call, "PolicyDocument");
        self.change(call, "role", name(call, "RoleName"), |role| {
            check_document(trust, Kind::Trust)?;
            role.body["AssumeRolePolicyDocument"] = trust.into();
            Ok(Value::Null)
        })
    }

    pub(super) fn delete_role(&self, call: &Call) -> Result<Value, ApiError> {
        let role_name = name(call, "RoleName");
        let role = self.find(call, "role", role_name)?;
        if role.body["Attached"].as_array().is_some_and(|a| !a.is_empty()) {
            return Err(delete_conflict("Cannot delete entity, must detach all policies first."));
        }
        if role.body["Inline"].as_object().is_some_and(|i| !i.is_empty()) {
            return Err(delete_conflict("Cannot delete entity, must delete policies first."));
        }
        if self.store.delete(&role.key)? { Ok(Value::Null) } else { Err(missing("role", role_name)) }
    }
}

fn to_output(role: &Record) -> Value {
    let body = &role.body;
    json!({
        "Path": body["Path"],
        "RoleName": role.key.name,
        "RoleId": body["RoleId"],
        "Arn": role.arn,
        "CreateDate": seconds(role.created),
        "AssumeRolePolicyDocument": document(body["AssumeRolePolicyDocument"].as_str().unwrap_or_default()),
        "Description": body["Description"],
        "MaxSessionDuration": body["MaxSessionDuration"],
    })
}
