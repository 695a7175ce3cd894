//! `DescribeScalingPolicies`

use serde_json::Value;

use sagewright_cloud_core::api::{ApiError, Call};

use crate::AutoScaling;
use crate::kept::Policy;
use crate::listing::{answer, texts};
use crate::resource::check_namespace;

pub(crate) async fn describe(autoscaling: &AutoScaling, call: &Call) -> Result<Value, ApiError> {
    check_namespace(call)?;
    let (names, resource, dimension) =
        (texts(call, "PolicyNames"), call.text("ResourceId"), call.text("ScalableDimension"));
    let fits = |policy: &Policy| {
        names.as_ref().is_none_or(|names| names.contains(&policy.name.as_str()))
            && resource.is_none_or(|resource| resource == policy.resource)
            && dimension.is_none_or(|dimension| dimension == policy.dimension)
    };
    answer(autoscaling, call, "ScalingPolicies", fits, |record, policy| policy.shown(record)).await
}
