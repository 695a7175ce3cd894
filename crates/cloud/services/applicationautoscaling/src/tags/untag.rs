//! `UntagResource`

use serde_json::{Value, json};

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::Write;

use crate::AutoScaling;
use crate::listing::texts;

pub(crate) async fn untag(autoscaling: &AutoScaling, call: &Call) -> Result<Value, ApiError> {
    let arn = super::named(autoscaling, call).await?;
    let keys = texts(call, "TagKeys").unwrap_or_default().into_iter().map(str::to_owned).collect();
    autoscaling.store().write(Write::DeleteTags { arn, keys }).await?;
    Ok(json!({}))
}
