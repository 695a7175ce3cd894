use serde_json::{Value, json};

use super::super::page::page;
use super::super::{Iam, name, policies};
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::Record;

pub(in super::super) async fn list_of_role(iam: &Iam, call: &Call) -> Result<Value, ApiError> {
    list(iam, call, &iam.find(call, "role", name(call, "RoleName")).await?).await
}

pub(in super::super) async fn list_of_user(iam: &Iam, call: &Call) -> Result<Value, ApiError> {
    list(iam, call, &iam.find(call, "user", name(call, "UserName")).await?).await
}

pub(in super::super) async fn list_of_policy(iam: &Iam, call: &Call) -> Result<Value, ApiError> {
    list(iam, call, &policies::own(iam, call).await?).await
}

async fn list(iam: &Iam, call: &Call, record: &Record) -> Result<Value, ApiError> {
    let tags = iam.store.tags_of(&record.arn).await?;
    let items = tags.into_iter().map(|(key, value)| (key.clone(), json!({"Key": key, "Value": value}))).collect();
    page(call, "Tags", items)
}
