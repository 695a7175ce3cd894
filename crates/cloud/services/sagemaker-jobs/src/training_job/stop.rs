//! `StopTrainingJob`

use serde_json::{Value, json};

use super::progress;
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::resource::{Kind, arn, fields, key, required};

pub(crate) async fn stop(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let name = required(call, "TrainingJobName")?;
    let key = key(call, Kind::TRAINING_JOB, name);
    let now = call.now.as_millisecond();
    // One transaction decides between this and the job's own end.
    let stopping = sm
        .change(Kind::TRAINING_JOB, &key, |record| {
            if record.status != "InProgress" {
                return Err(ApiError::validation(format!(
                    "The request was rejected because the training job is in status {}.",
                    record.status
                )));
            }
            record.status = "Stopping".to_owned();
            record.modified = now;
            progress::enter(fields(record)?, "Stopping", "Stopping the training job", now);
            Ok(())
        })
        .await?;
    stopping.ok_or_else(|| Kind::TRAINING_JOB.missing(&arn(call, Kind::TRAINING_JOB, name)))?;
    if let Some(stop) = sm.jobs().get(&key) {
        stop.send_replace(true);
    }
    Ok(json!({}))
}
