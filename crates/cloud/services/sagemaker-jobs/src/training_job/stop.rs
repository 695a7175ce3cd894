//! `StopTrainingJob`

use serde_json::{Value, json};

use super::machine::{Event, TrainingJobs};
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::machine::tell;
use sagewright_cloud_sagemaker_base::resource::{Kind, arn, key, required};

pub(crate) async fn stop(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let name = required(call, "TrainingJobName")?;
    let told = tell(&TrainingJobs(sm.clone()), &key(call, Kind::TRAINING_JOB, name), &Event::StopRequested).await?;
    told.ok_or_else(|| Kind::TRAINING_JOB.missing(&arn(call, Kind::TRAINING_JOB, name)))?;
    Ok(json!({}))
}
