//! ARNs of policies, by which alarms name them:
//! `arn:aws:autoscaling:REGION:ACCOUNT:scalingPolicy:ID:resource/sagemaker/RESOURCE:policyName/NAME`.

use sagewright_cloud_core::api::Call;
use sagewright_cloud_core::records::{Filter, Query, StoreError};
use sagewright_cloud_core::scaling::Scalable;

use crate::AutoScaling;
use crate::kept::{Held, POLICY, Policy};
use crate::resource::NAMESPACE;

/// The ARN of a new policy.
pub(super) fn of(call: &Call, scalable: &Scalable, id: &str, name: &str) -> String {
    [
        "arn",
        call.partition(),
        "autoscaling",
        &scalable.region,
        &scalable.account,
        "scalingPolicy",
        id,
        &format!("resource/{NAMESPACE}/{}", scalable.resource),
        &format!("policyName/{name}"),
    ]
    .join(":")
}

/// The id of the policy in an ARN, and its resource.
fn parts(arn: &str) -> Option<(&str, &str)> {
    let parts: Vec<&str> = arn.splitn(9, ':').collect();
    let ["arn", _, "autoscaling", _, _, "scalingPolicy", id, resource, _] = parts[..] else { return None };
    Some((id, resource.strip_prefix("resource/")?.strip_prefix(NAMESPACE)?.strip_prefix('/')?))
}

/// Whether an alarm's action is a policy of this service.
pub(crate) fn is_policy(action: &str) -> bool {
    parts(action).is_some()
}

/// The policy that an alarm's action names.
///
/// # Errors
/// The store failed.
pub(crate) async fn find(
    autoscaling: &AutoScaling,
    account: &str,
    region: &str,
    action: &str,
) -> Result<Option<Held<Policy>>, StoreError> {
    let Some((id, resource)) = parts(action) else { return Ok(None) };
    let filters = vec![Filter::NameStarts(format!("{resource}|"))];
    let query = Query { filters, ..Query::all(account, region, POLICY) };
    for found in autoscaling.store().find(query).await? {
        let names = |arn: &str| action == arn || action.starts_with(&format!("{arn}:createdBy/"));
        if names(&found.record.arn)
            && let Some(held) = autoscaling.held::<Policy>(&found.record.key).await?
            && held.value.id == id
        {
            return Ok(Some(held));
        }
    }
    Ok(None)
}
