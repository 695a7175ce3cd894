//! Pipelines: definitions with versions.

pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod describe;
pub(crate) mod list;
pub(crate) mod update;
pub(crate) mod version;

use std::io::Read as _;
use std::sync::Arc;

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::{SageMaker, refuse};
use serde_json::Value;

use crate::definition::Definition;

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
    let read = move || {
        let place = format!("s3://{bucket}/{key}");
        let (info, file) = objects.open(&account, &bucket, &key).map_err(|error| error.to_string())?;
        if info.size > LARGEST {
            return Err(format!("{place} has {} bytes; a definition has {LARGEST} at most", info.size));
        }
        let mut text = String::new();
        file.take(LARGEST).read_to_string(&mut text).map_err(|error| format!("{place} cannot be read: {error}"))?;
        Ok(text)
    };
    let read = tokio::task::spawn_blocking(read).await.map_err(|error| ApiError::internal(error.to_string()))?;
    read.map_err(|why| ApiError::validation(format!("Unable to fetch the pipeline definition: {why}.")))
}
