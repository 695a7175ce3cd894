use serde_json::Value;

use super::super::Iam;
use super::super::page::page;
use super::to_output;
use sagewright_cloud_core::api::{ApiError, Call};

pub(in super::super) async fn list(iam: &Iam, call: &Call) -> Result<Value, ApiError> {
    let roles = iam.under_path(call, "role").await?;
    page(call, "Roles", roles.iter().map(|role| (role.key.name.clone(), to_output(call, role))).collect())
}
