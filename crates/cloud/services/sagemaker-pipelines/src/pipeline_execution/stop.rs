//! `StopPipelineExecution` and `RetryPipelineExecution`

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::Key;
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::machine::{insist, tell};
use sagewright_cloud_sagemaker_base::resource::{Kind, required};
use serde_json::{Value, json};

use super::find;
use crate::execution::machine::Executions;
use crate::execution::step::Event;

pub(crate) async fn stop(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let record = find(sm, call).await?;
    tell_of(sm, &record, Event::Stop(required(call, "ClientRequestToken")?.to_owned())).await?;
    Ok(json!({ "PipelineExecutionArn": record.arn }))
}

pub(crate) async fn retry(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let record = find(sm, call).await?;
    let token = required(call, "ClientRequestToken")?.to_owned();
    tell_of(sm, &record, Event::Retry(token, limit(call))).await?;
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
    let executions = Executions(sm.clone());
    let told = tell(&executions, &record.key, &event).await;
    if told.as_ref().is_err_and(|error| error.status >= 500) {
        repeat(executions, record.key.clone());
    }
    told?.map(drop).ok_or_else(|| Kind::PIPELINE_EXECUTION.missing(&record.arn))
}

/// A write that failed may have been done all the same. Its effects are asked for, whether or not the caller tries again.
pub(super) fn repeat(executions: Executions, key: Key) {
    tokio::spawn(async move { insist(&executions, &key, &Event::Repeated).await });
}
