use serde_json::Value;

use super::super::{Iam, name, policies};
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::{Record, Write};

pub(in super::super) async fn untag_role(iam: &Iam, call: &Call) -> Result<Value, ApiError> {
    untag(iam, call, &iam.find(call, "role", name(call, "RoleName")).await?).await
}

pub(in super::super) async fn untag_user(iam: &Iam, call: &Call) -> Result<Value, ApiError> {
    untag(iam, call, &iam.find(call, "user", name(call, "UserName")).await?).await
}

pub(in super::super) async fn untag_policy(iam: &Iam, call: &Call) -> Result<Value, ApiError> {
    untag(iam, call, &policies::own(iam, call).await?).await
}

async fn untag(iam: &Iam, call: &Call, record: &Record) -> Result<Value, ApiError> {
    let keys = call.input.get("TagKeys").and_then(Value::as_array);
    let keys: Vec<String> = keys.into_iter().flatten().filter_map(|k| Some(k.as_str()?.to_owned())).collect();
    iam.store.write(Write::DeleteTags { arn: record.arn.clone(), keys }).await?;
    Ok(Value::Null)
}
