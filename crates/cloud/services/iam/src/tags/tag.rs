use serde_json::Value;

use super::super::{Iam, limit_exceeded, name, policies};
use super::of_input;
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::{Record, Write};

/// AWS's limit.
const MOST: usize = 50;

pub(in super::super) async fn tag_role(iam: &Iam, call: &Call) -> Result<Value, ApiError> {
    tag(iam, call, &iam.find(call, "role", name(call, "RoleName")).await?).await
}

pub(in super::super) async fn tag_user(iam: &Iam, call: &Call) -> Result<Value, ApiError> {
    tag(iam, call, &iam.find(call, "user", name(call, "UserName")).await?).await
}

pub(in super::super) async fn tag_policy(iam: &Iam, call: &Call) -> Result<Value, ApiError> {
    tag(iam, call, &policies::own(iam, call).await?).await
}

async fn tag(iam: &Iam, call: &Call, record: &Record) -> Result<Value, ApiError> {
    let new = of_input(call)?;
    let mut all = iam.store.tags_of(&record.arn).await?;
    all.retain(|(key, _)| new.iter().all(|(k, _)| k != key));
    if all.len() + new.len() > MOST {
        return Err(limit_exceeded("The number of tags has reached the maximum limit."));
    }
    iam.store.write(Write::PutTags { arn: record.arn.clone(), tags: new }).await?;
    Ok(Value::Null)
}
