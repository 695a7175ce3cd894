//! `DescribeScheduledActions`

use serde_json::Value;

use sagewright_cloud_core::api::{ApiError, Call};

use crate::AutoScaling;
use crate::kept::Action;
use crate::listing::{answer, texts};
use crate::resource::check_namespace;

pub(crate) async fn describe(autoscaling: &AutoScaling, call: &Call) -> Result<Value, ApiError> {
    check_namespace(call)?;
    let (names, resource, dimension) =
        (texts(call, "ScheduledActionNames"), call.text("ResourceId"), call.text("ScalableDimension"));
    let fits = |action: &Action| {
        names.as_ref().is_none_or(|names| names.contains(&action.name.as_str()))
            && resource.is_none_or(|resource| resource == action.resource)
            && dimension.is_none_or(|dimension| dimension == action.dimension)
    };
    answer(autoscaling, call, "ScheduledActions", fits, |record, action| action.shown(record)).await
}
