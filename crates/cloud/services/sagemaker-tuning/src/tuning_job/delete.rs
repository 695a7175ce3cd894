//! `DeleteHyperParameterTuningJob`

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::Record;
use sagewright_cloud_sagemaker_base::resource::{arn, key, required};
use sagewright_cloud_sagemaker_base::{Kind, SageMaker};
use serde_json::{Value, json};

/// Only a job that has ended can be deleted. Its training jobs stay.
pub(crate) async fn delete(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let name = required(call, "HyperParameterTuningJobName")?;
    let (key, arn) = (key(call, Kind::TUNING_JOB, name), arn(call, Kind::TUNING_JOB, name));
    let ended = |record: &Record| match record.status.as_str() {
        "InProgress" | "Stopping" => Err(ApiError::validation(format!(
            "The request was rejected because the hyperparameter tuning job is in status {}. Stop it first, and wait until it has stopped.",
            record.status
        ))),
        _ => Ok(()),
    };
    sm.remove_if(Kind::TUNING_JOB, &key, &arn, ended).await?;
    Ok(json!({}))
}
