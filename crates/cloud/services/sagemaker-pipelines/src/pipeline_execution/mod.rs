//! Executions of pipelines, as callers see them.

pub(crate) mod answer;
pub(crate) mod describe;
pub(crate) mod list;
mod select;
pub(crate) mod start;
pub(crate) mod steps;
pub(crate) mod stop;
pub(crate) mod update;

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::{Key, Record};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::resource::{Kind, required};
use sagewright_model::Arn;

/// The key of an execution.
fn key(account: &str, region: &str, pipeline: &str, id: &str) -> Key {
    let name = format!("{}/{id}", pipeline.to_ascii_lowercase());
    Key::new(account, region, Kind::PIPELINE_EXECUTION.as_str(), &name)
}

/// The key of an execution's ARN, where it is one of the caller's own.
fn located(call: &Call, text: &str) -> Result<Key, ApiError> {
    let parsed = || {
        let arn: Arn = text.parse().ok()?;
        let own = arn.service == "sagemaker" && arn.region == call.region && arn.account == call.caller.account;
        let (pipeline, id) = arn.resource.strip_prefix("pipeline/").filter(|_| own)?.split_once("/execution/")?;
        Some(key(&call.caller.account, &call.region, pipeline, id))
    };
    parsed().ok_or_else(|| Kind::PIPELINE_EXECUTION.missing(text))
}

/// The execution that a request names.
async fn find(sm: &SageMaker, call: &Call) -> Result<Record, ApiError> {
    let arn = required(call, "PipelineExecutionArn")?;
    let key = located(call, arn)?;
    sm.env().store.record(&key).await?.ok_or_else(|| Kind::PIPELINE_EXECUTION.missing(arn))
}
