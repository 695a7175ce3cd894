//! `DescribeScalableTargets`

use serde_json::Value;

use sagewright_cloud_core::api::{ApiError, Call};

use crate::AutoScaling;
use crate::kept::Target;
use crate::listing::{answer, texts};
use crate::resource::check_namespace;

pub(crate) async fn describe(autoscaling: &AutoScaling, call: &Call) -> Result<Value, ApiError> {
    check_namespace(call)?;
    let (resources, dimension) = (texts(call, "ResourceIds"), call.text("ScalableDimension"));
    let fits = |target: &Target| {
        resources.as_ref().is_none_or(|resources| resources.contains(&target.resource.as_str()))
            && dimension.is_none_or(|dimension| dimension == target.dimension)
    };
    answer(autoscaling, call, "ScalableTargets", fits, |record, target| target.shown(record)).await
}
