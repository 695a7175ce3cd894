use serde_json::Value;

use super::super::page::page;
use super::super::{Iam, name};
use sagewright_cloud_core::api::{ApiError, Call};

pub(in super::super) async fn list(iam: &Iam, call: &Call) -> Result<Value, ApiError> {
    let role = iam.find(call, "role", name(call, "RoleName")).await?;
    let inline = role.body["Inline"].as_object();
    let mut names: Vec<String> = inline.into_iter().flat_map(|i| i.keys().cloned()).collect();
    names.sort_unstable();
    page(call, "PolicyNames", names.into_iter().map(|n| (n.clone(), Value::String(n))).collect())
}
