use serde_json::Value;

use super::super::Iam;
use super::super::page::page;
use super::to_output;
use sagewright_cloud_core::api::{ApiError, Call};

pub(in super::super) async fn list(iam: &Iam, call: &Call) -> Result<Value, ApiError> {
    let users = iam.under_path(call, "user").await?;
    page(call, "Users", users.iter().map(|user| (user.key.name.clone(), to_output(call, user))).collect())
}
