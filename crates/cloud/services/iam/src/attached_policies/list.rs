use serde_json::{Value, json};

use super::super::page::page;
use super::super::{Iam, name};
use super::{name_of, of};
use sagewright_cloud_core::api::{ApiError, Call, in_partition};

pub(in super::super) async fn list(iam: &Iam, call: &Call) -> Result<Value, ApiError> {
    let role = iam.find(call, "role", name(call, "RoleName")).await?;
    let prefix = call.text("PathPrefix").unwrap_or("/");
    let mut items: Vec<(String, Value)> = of(&role)
        .filter(|arn| arn.split_once(":policy").is_some_and(|(_, path)| path.starts_with(prefix)))
        .map(|arn| {
            let shown = json!({"PolicyName": name_of(&arn), "PolicyArn": in_partition(&arn, call.partition())});
            (arn, shown)
        })
        .collect();
    items.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    page(call, "AttachedPolicies", items)
}
