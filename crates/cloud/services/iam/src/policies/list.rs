use serde_json::{Value, json};

use super::super::page::page;
use super::super::{Iam, refuse_members};
use super::{attached, managed_to_output, to_output};
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_policy::managed;

pub(in super::super) async fn list(iam: &Iam, call: &Call) -> Result<Value, ApiError> {
    refuse_members(call, &["PolicyUsageFilter"])?;
    let scope = call.text("Scope").unwrap_or("All");
    let only_attached = call.input.get("OnlyAttached").and_then(Value::as_bool) == Some(true);
    let prefix = call.text("PathPrefix").unwrap_or("/");
    let attached = attached(iam, call).await?;
    let mut found = Vec::new();
    if scope != "AWS" {
        found.extend(iam.under_path(call, "policy").await?.iter().map(|record| to_output(call, record, &attached)));
    }
    if scope != "Local" {
        let of_aws = managed::all().filter(|policy| policy.path.starts_with(prefix));
        found.extend(of_aws.map(|policy| managed_to_output(call, policy, &attached)));
    }
    found.retain(|policy| !only_attached || policy["AttachmentCount"] != json!(0));
    let mut items: Vec<(String, Value)> =
        found.into_iter().map(|policy| (policy["Arn"].as_str().unwrap_or_default().to_owned(), policy)).collect();
    items.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    page(call, "Policies", items)
}
