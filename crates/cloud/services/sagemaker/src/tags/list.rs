//! `ListTags`

use serde_json::{Value, json};

use super::{shown, tagged};
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::SageMaker;

/// A resource has at most 50 tags and the smallest page holds 50, so there is never a second page.
pub(crate) async fn list(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    if call.text("NextToken").is_some_and(|t| !t.is_empty()) {
        return Err(ApiError::validation("Invalid NextToken: ListTags returns all tags on the first page."));
    }
    let (_, arn) = tagged(sm, call).await?;
    Ok(json!({ "Tags": shown(sm.env().store.tags_of(&arn).await?) }))
}
