//! `StopPipelineExecution` and `RetryPipelineExecution`

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::machine::tell;
use sagewright_cloud_sagemaker_base::resource::Kind;
use serde_json::{Value, json};

use super::find;
use crate::execution::machine::Executions;
use crate::execution::step::Event;

pub(crate) async fn stop(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let record = find(sm, call).await?;
    // The same request again changes nothing.
    if record.status != "Stopping" {
        tell_of(sm, &record, Event::Stop).await?;
    }
    Ok(json!({ "PipelineExecutionArn": record.arn }))
}

pub(crate) async fn retry(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let record = find(sm, call).await?;
    tell_of(sm, &record, Event::Again(limit(call))).await?;
    Ok(json!({ "PipelineExecutionArn": record.arn }))
}

/// `MaxParallelExecutionSteps` of a request.
pub(super) fn limit(call: &Call) -> Option<u32> {
    let given = call.input.pointer("/ParallelismConfiguration/MaxParallelExecutionSteps")?.as_u64()?;
    u32::try_from(given).ok()
}

pub(super) async fn tell_of(
    sm: &SageMaker,
    record: &sagewright_cloud_core::records::Record,
    event: Event,
) -> Result<(), ApiError> {
    let told = tell(&Executions(sm.clone()), &record.key, &event).await?;
    told.map(drop).ok_or_else(|| Kind::PIPELINE_EXECUTION.missing(&record.arn))
}
