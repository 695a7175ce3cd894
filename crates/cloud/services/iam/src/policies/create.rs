use serde_json::{Value, json};

use super::super::{Iam, name};
use super::{to_output, versions};
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::identity::unique_id;

pub(in super::super) async fn create(iam: &Iam, call: &Call) -> Result<Value, ApiError> {
    let text = name(call, "PolicyDocument");
    versions::check(text)?;
    let body = json!({
        "Path": call.text("Path").unwrap_or("/"),
        "PolicyId": unique_id("ANPA"),
        "Description": call.text("Description"),
        "Default": "v1",
        "Next": 2,
        "Versions": [versions::new("v1", text, call)],
    });
    let (record, tags) = iam.insert(call, "policy", name(call, "PolicyName"), body).await?;
    let mut policy = to_output(call, &record, &[]);
    policy["Tags"] = tags;
    Ok(json!({"Policy": policy}))
}
