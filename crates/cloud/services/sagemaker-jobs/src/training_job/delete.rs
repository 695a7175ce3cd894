//! `DeleteTrainingJob`

use serde_json::{Value, json};

use super::machine::TrainingJobs;

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::Record;
use sagewright_cloud_sagemaker_base::resource::{Kind, arn, key, required};
use sagewright_cloud_sagemaker_base::{SageMaker, machine};

/// Only a job that has ended, and retains no warm pool, can be deleted.
pub(crate) async fn delete(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let name = required(call, "TrainingJobName")?;
    let (key, arn) = (key(call, Kind::TRAINING_JOB, name), arn(call, Kind::TRAINING_JOB, name));
    let ended = |record: &Record| match record.status.as_str() {
        "InProgress" | "Stopping" => Err(ApiError::in_use(format!(
            "Training job {} is in status {}. Only training jobs that are Completed, Failed or Stopped can be deleted.",
            record.arn, record.status
        ))),
        _ => match machine::state::<TrainingJobs>(record).pool {
            Some(pool) if pool.is_available() => Err(ApiError::in_use(format!(
                "Training job {} retains an Available warm pool. Set its KeepAlivePeriodInSeconds to 0 with UpdateTrainingJob first.",
                record.arn
            ))),
            _ => Ok(()),
        },
    };
    sm.remove_if(Kind::TRAINING_JOB, &key, &arn, ended).await?;
    Ok(json!({}))
}
