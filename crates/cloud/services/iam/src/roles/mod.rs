//! Roles.

mod create;
mod delete;
mod get;
mod list;
mod update;

use serde_json::{Value, json};

pub(super) use create::create;
pub(super) use delete::delete;
pub(super) use get::get;
pub(super) use list::list;
pub(super) use update::{update, update_description, update_trust};

use super::{arn, document, seconds};
use sagewright_cloud_core::api::Call;
use sagewright_cloud_core::records::Record;

fn to_output(call: &Call, role: &Record) -> Value {
    let body = &role.body;
    json!({
        "Path": body["Path"],
        "RoleName": role.key.name,
        "RoleId": body["RoleId"],
        "Arn": arn(call, role),
        "CreateDate": seconds(role.created),
        "AssumeRolePolicyDocument": document(body["AssumeRolePolicyDocument"].as_str().unwrap_or_default()),
        "Description": body["Description"],
        "MaxSessionDuration": body["MaxSessionDuration"],
    })
}
