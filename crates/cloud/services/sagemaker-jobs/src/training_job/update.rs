//! `UpdateTrainingJob`

use serde_json::{Value, json};

use super::machine::{Event, TrainingJobs};
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::machine::tell;
use sagewright_cloud_sagemaker_base::refuse;
use sagewright_cloud_sagemaker_base::resource::{Kind, arn, key, required};

/// AWS changes warm pools, debugging and profiling by this. Only the profiler's configuration exists here, as a record.
pub(crate) async fn update(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    refuse::members(
        "",
        &call.input,
        &[
            "/ResourceConfig/KeepAlivePeriodInSeconds",
            "/ProfilerRuleConfigurations",
            "/RemoteDebugConfig/EnableRemoteDebug",
        ],
    )?;
    let name = required(call, "TrainingJobName")?;
    let arn = arn(call, Kind::TRAINING_JOB, name);
    let profiler = call.input.get("ProfilerConfig").filter(|config| !config.is_null()).cloned();
    let key = key(call, Kind::TRAINING_JOB, name);
    let updated = tell(&TrainingJobs(sm.clone()), &key, &Event::Updated { profiler }).await?;
    updated.ok_or_else(|| Kind::TRAINING_JOB.missing(&arn))?;
    Ok(json!({ "TrainingJobArn": arn }))
}
