use serde_json::Value;

use super::super::{Iam, limit_exceeded, name, policies};
use super::of_input;
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::store::Record;

/// AWS's limit.
const MOST: usize = 50;

pub(in super::super) fn tag_role(iam: &Iam, call: &Call) -> Result<Value, ApiError> {
    tag(iam, call, &iam.find(call, "role", name(call, "RoleName"))?)
}

pub(in super::super) fn tag_user(iam: &Iam, call: &Call) -> Result<Value, ApiError> {
    tag(iam, call, &iam.find(call, "user", name(call, "UserName"))?)
}

pub(in super::super) fn tag_policy(iam: &Iam, call: &Call) -> Result<Value, ApiError> {
    tag(iam, call, &policies::own(iam, call)?)
}

fn tag(iam: &Iam, call: &Call, record: &Record) -> Result<Value, ApiError> {
    let new = of_input(call)?;
    let mut all = iam.store.tags(&record.arn)?;
    all.retain(|(key, _)| new.iter().all(|(k, _)| k != key));
    if all.len() + new.len() > MOST {
        return Err(limit_exceeded("The number of tags has reached the maximum limit."));
    }
    iam.store.put_tags(&record.arn, &new)?;
    Ok(Value::Null)
}
