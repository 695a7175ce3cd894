//! `DeleteHyperParameterTuningJob`

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::Record;
use sagewright_cloud_sagemaker_base::resource::{arn, key, required};
use sagewright_cloud_sagemaker_base::{Kind, SageMaker, refuse};
use serde_json::{Value, json};

use super::machine::NOUN;

/// Only a job that has ended can be deleted. Its training jobs stay.
pub(crate) async fn delete(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let name = required(call, "HyperParameterTuningJobName")?;
    let (key, arn) = (key(call, Kind::TUNING_JOB, name), arn(call, Kind::TUNING_JOB, name));
    let ended = |record: &Record| match record.status.as_str() {
        "InProgress" | "Stopping" => {
            let refused = refuse::status(NOUN, &record.status).message;
            Err(ApiError::validation(format!("{refused} Stop it first, and wait until it has stopped.")))
        }
        _ => Ok(()),
    };
    sm.remove_if(Kind::TUNING_JOB, &key, &arn, ended).await?;
    Ok(json!({}))
}
