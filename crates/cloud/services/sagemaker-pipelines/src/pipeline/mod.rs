//! Pipelines: definitions with versions.

pub(crate) mod alias;
pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod describe;
pub(crate) mod list;
pub(crate) mod update;
pub(crate) mod version;

use std::sync::Arc;

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::{SageMaker, refuse};
use serde_json::Value;

use crate::definition::Definition;
use crate::document;

/// The largest definition, as the service model has it.
const LARGEST: u64 = 1_048_576;

/// The definition that a request gives, checked; `None` where it gives none.
async fn given(sm: &SageMaker, call: &Call) -> Result<Option<String>, ApiError> {
    let location = call.input.get("PipelineDefinitionS3Location").filter(|location| !location.is_null());
    let text = match (call.text("PipelineDefinition"), location) {
        (Some(_), Some(_)) => {
            return Err(ApiError::validation(
                "Both PipelineDefinition and PipelineDefinitionS3Location are provided. Give one of them.",
            ));
        }
        (Some(text), None) => text.to_owned(),
        (None, Some(location)) => fetch(sm, call, location).await?,
        (None, None) => return Ok(None),
    };
    // A large definition takes a while.
    let parsed = tokio::task::spawn_blocking(move || Definition::parse(&text).map(|_| text)).await;
    let parsed = parsed.map_err(|error| ApiError::internal(error.to_string()))?;
    parsed.map(Some).map_err(|why| ApiError::validation(format!("Unable to parse pipeline definition. {why}")))
}

async fn fetch(sm: &SageMaker, call: &Call, location: &Value) -> Result<String, ApiError> {
    refuse::members("PipelineDefinitionS3Location.", location, &["/VersionId"])?;
    let text = |member: &str| location.get(member).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (bucket, key) = (text("Bucket"), text("ObjectKey"));
    let (objects, account) = (Arc::clone(&sm.env().objects), call.caller.account.clone());
    let why = |why: String| ApiError::validation(format!("Unable to fetch the pipeline definition: {why}."));
    let place = format!("s3://{bucket}/{key}");
    let content = document::read(objects, account, bucket, key, LARGEST).await.map_err(why)?;
    String::from_utf8(content).map_err(|error| why(format!("{place} is not UTF-8: {error}")))
}
