use serde_json::{Value, json};

use super::super::{Iam, name, tags};
use super::{attached, managed_to_output, own, to_output};
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_policy::managed;

pub(in super::super) async fn get(iam: &Iam, call: &Call) -> Result<Value, ApiError> {
    let attached = attached(iam, call).await?;
    if let Some(policy) = managed::find(name(call, "PolicyArn")) {
        return Ok(json!({"Policy": managed_to_output(call, policy, &attached)}));
    }
    let record = own(iam, call).await?;
    let mut policy = to_output(call, &record, &attached);
    policy["Description"] = record.body["Description"].clone();
    policy["Tags"] = tags::to_output(iam.store.tags_of(&record.arn).await?);
    Ok(json!({"Policy": policy}))
}
