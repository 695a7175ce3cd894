//! `AddTags`

use serde_json::{Value, json};

use super::{changeable, shown};
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::Write;
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::inputs::{MAX_TAGS, tags};

pub(crate) async fn add(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let added = tags(call)?;
    let _guard = sm.exclusive().await;
    let arn = changeable(sm, call).await?;
    let mut all = sm.env().store.tags_of(&arn).await?;
    all.retain(|(key, _)| !added.iter().any(|(k, _)| k == key));
    all.extend(added.iter().cloned());
    if all.len() > MAX_TAGS {
        return Err(ApiError::validation(format!(
            "Tag limit exceeded: resource {arn} would have {} tags. A resource can have at most {MAX_TAGS}.",
            all.len()
        )));
    }
    sm.write(Write::PutTags { arn, tags: added }).await?;
    all.sort();
    Ok(json!({ "Tags": shown(all) }))
}
