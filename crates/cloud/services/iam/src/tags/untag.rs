use serde_json::Value;

use super::super::{Iam, name, policies};
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::store::Record;

pub(in super::super) fn untag_role(iam: &Iam, call: &Call) -> Result<Value, ApiError> {
    untag(iam, call, &iam.find(call, "role", name(call, "RoleName"))?)
}

pub(in super::super) fn untag_user(iam: &Iam, call: &Call) -> Result<Value, ApiError> {
    untag(iam, call, &iam.find(call, "user", name(call, "UserName"))?)
}

pub(in super::super) fn untag_policy(iam: &Iam, call: &Call) -> Result<Value, ApiError> {
    untag(iam, call, &policies::own(iam, call)?)
}

fn untag(iam: &Iam, call: &Call, record: &Record) -> Result<Value, ApiError> {
    let keys = call.input.get("TagKeys").and_then(Value::as_array);
    let keys: Vec<String> = keys.into_iter().flatten().filter_map(|k| Some(k.as_str()?.to_owned())).collect();
    iam.store.delete_tags(&record.arn, &keys)?;
    Ok(Value::Null)
}
