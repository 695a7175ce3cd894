//! `DeleteTrainingJob`

use serde_json::{Value, json};

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::resource::{Kind, arn, key, required};

/// Only a job that has ended can be deleted; an ended job never runs again, so nothing can come between.
pub(crate) async fn delete(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let name = required(call, "TrainingJobName")?;
    let record = sm.find(call, Kind::TRAINING_JOB, name).await?;
    if matches!(record.status.as_str(), "InProgress" | "Stopping") {
        return Err(ApiError::in_use(format!(
            "Training job {} is in status {}. Only training jobs that are Completed, Failed or Stopped can be deleted.",
            record.arn, record.status
        )));
    }
    sm.remove(Kind::TRAINING_JOB, &key(call, Kind::TRAINING_JOB, name), &arn(call, Kind::TRAINING_JOB, name)).await?;
    Ok(json!({}))
}
