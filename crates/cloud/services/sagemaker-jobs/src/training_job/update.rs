//! `UpdateTrainingJob`

use serde_json::{Value, json};

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::refuse;
use sagewright_cloud_sagemaker_base::resource::{Kind, arn, fields, key, required};

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
    let now = call.now.as_millisecond();
    let arn = arn(call, Kind::TRAINING_JOB, name);
    let updated = sm
        .change(Kind::TRAINING_JOB, &key(call, Kind::TRAINING_JOB, name), |record| {
            if record.status != "InProgress" {
                return Err(ApiError::validation(format!(
                    "The request was rejected because the training job is in status {}.",
                    record.status
                )));
            }
            if let Some(config) = call.input.get("ProfilerConfig").filter(|c| !c.is_null()) {
                fields(record)?.insert("ProfilerConfig".to_owned(), config.clone());
                record.modified = now;
            }
            Ok(())
        })
        .await?;
    updated.ok_or_else(|| Kind::TRAINING_JOB.missing(&arn))?;
    Ok(json!({ "TrainingJobArn": arn }))
}
