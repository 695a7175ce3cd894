//! `CreatePipeline`

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::inputs::tags;
use sagewright_cloud_sagemaker_base::resource::{HIDDEN, Kind, body, required, user};
use serde_json::{Value, json};

use super::{alias, version};
use crate::run::names::fingerprint;

/// Kept elsewhere than in the pipeline's record.
pub(super) const ELSEWHERE: &[&str] =
    &["Tags", "ClientRequestToken", "PipelineDefinition", "PipelineDefinitionS3Location", "PipelineVersionAliases"];

pub(crate) async fn create(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let name = required(call, "PipelineName")?;
    let tags = tags(call)?;
    let definition = super::given(sm, call).await?.ok_or_else(|| {
        ApiError::validation(
            "Neither PipelineDefinition nor PipelineDefinitionS3Location is provided. Give one of them.",
        )
    })?;
    let mut stored = body(call, ELSEWHERE);
    stored.entry("PipelineDisplayName").or_insert_with(|| json!(name));
    stored.insert("CreatedBy".to_owned(), user(call));
    stored.insert("LastModifiedBy".to_owned(), user(call));
    let asked = asked(call, &definition);
    stored.insert(HIDDEN.to_owned(), json!({ "version": 1, "token": call.text("ClientRequestToken"), "asked": asked }));
    let mut record = SageMaker::record(call, Kind::PIPELINE, name, "Active", stored);
    alias::change(&mut record, 1, &alias::given(call.input.get("PipelineVersionAliases")), &[])?;
    sm.check_role(call, call.text("RoleArn"), &record.arn).await?;

    let (key, arn) = (record.key.clone(), record.arn.clone());
    let mut more = sm.news(Kind::PIPELINE, &record, &record.status);
    more.push(version::insert(&key, 1, &definition, record.created));
    if sm.env().store.insert(record, tags, more).await? {
        sm.committed(None);
        return Ok(json!({ "PipelineArn": arn }));
    }
    // The same request again is answered as the first time.
    let found = sm.env().store.record(&key).await?;
    let first = found.as_ref().map(|found| &found.body[HIDDEN]);
    match first
        .filter(|first| first["token"].as_str().is_some_and(|token| call.text("ClientRequestToken") == Some(token)))
    {
        // One of an earlier version does not know what was asked for.
        Some(first) if first["asked"].is_null() || first["asked"] == asked => Ok(json!({ "PipelineArn": arn })),
        _ => Err(Kind::PIPELINE.taken(&arn)),
    }
}

/// By what a request counts as the same: all that it asks for, wherever its definition is.
fn asked(call: &Call, definition: &str) -> String {
    let rest = body(call, &["ClientRequestToken", "PipelineDefinition", "PipelineDefinitionS3Location"]);
    let mut rest = Value::Object(rest);
    rest.sort_all_objects();
    fingerprint(&[definition, &rest.to_string()])
}
