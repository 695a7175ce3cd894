//! `ListTagsForResource`

use serde_json::{Map, Value, json};

use sagewright_cloud_core::api::{ApiError, Call};

use crate::AutoScaling;

pub(crate) async fn list(autoscaling: &AutoScaling, call: &Call) -> Result<Value, ApiError> {
    let arn = super::named(autoscaling, call).await?;
    let tags = autoscaling.store().tags_of(&arn).await?.into_iter();
    Ok(json!({"Tags": tags.map(|(key, value)| (key, value.into())).collect::<Map<_, _>>()}))
}
