use serde_json::Value;

use super::super::{Iam, delete_conflict, name};
use super::{attached, count, own, unknown};
use sagewright_cloud_core::api::{ApiError, Call};

pub(in super::super) async fn delete(iam: &Iam, call: &Call) -> Result<Value, ApiError> {
    let policy = own(iam, call).await?;
    if count(&attached(iam, call).await?, &policy.arn) > 0 {
        return Err(delete_conflict("Cannot delete a policy attached to entities."));
    }
    if policy.body["Versions"].as_array().is_some_and(|v| v.len() > 1) {
        return Err(delete_conflict(
            "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. \
             The default version is deleted with the policy.",
        ));
    }
    if iam.store.delete(&policy.key).await? { Ok(Value::Null) } else { Err(unknown(name(call, "PolicyArn"))) }
}
