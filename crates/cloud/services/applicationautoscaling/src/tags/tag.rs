//! `TagResource`

use serde_json::{Value, json};

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::Write;

use crate::AutoScaling;

pub(crate) async fn tag(autoscaling: &AutoScaling, call: &Call) -> Result<Value, ApiError> {
    let arn = super::named(autoscaling, call).await?;
    let tags = super::given(call)?;
    let mut all = autoscaling.store().tags_of(&arn).await?;
    all.retain(|(key, _)| tags.iter().all(|(new, _)| new != key));
    if all.len() + tags.len() > super::MOST {
        return Err(super::too_many(&arn));
    }
    autoscaling.store().write(Write::PutTags { arn, tags }).await?;
    Ok(json!({}))
}
