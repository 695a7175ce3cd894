//! `UpdateTrainingJob`

use serde_json::{Value, json};

use super::machine::{Event, TrainingJobs};
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::machine::tell;
use sagewright_cloud_sagemaker_base::refuse;
use sagewright_cloud_sagemaker_base::resource::{Kind, arn, key, required};

/// Changes how long a warm pool is kept, or what the record of a running job says of the profiler.
pub(crate) async fn update(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    refuse::members("", &call.input, &["/RemoteDebugConfig/EnableRemoteDebug"])?;
    let name = required(call, "TrainingJobName")?;
    let arn = arn(call, Kind::TRAINING_JOB, name);
    let given = |member: &str| call.input.get(member).filter(|value| !value.is_null()).cloned();
    let event = Event::Updated {
        profiler: given("ProfilerConfig"),
        rules: given("ProfilerRuleConfigurations"),
        keep_alive: call.input.pointer("/ResourceConfig/KeepAlivePeriodInSeconds").and_then(Value::as_u64),
    };
    let updated = tell(&TrainingJobs(sm.clone()), &key(call, Kind::TRAINING_JOB, name), &event).await?;
    updated.ok_or_else(|| Kind::TRAINING_JOB.missing(&arn))?;
    Ok(json!({ "TrainingJobArn": arn }))
}
