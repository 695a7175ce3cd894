//! `StopHyperParameterTuningJob`

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::machine::tell;
use sagewright_cloud_sagemaker_base::resource::{arn, key, required};
use sagewright_cloud_sagemaker_base::{Kind, SageMaker};
use serde_json::{Value, json};

use super::machine::{Event, TuningJobs};

pub(crate) async fn stop(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let name = required(call, "HyperParameterTuningJobName")?;
    let told = tell(&TuningJobs(sm.clone()), &key(call, Kind::TUNING_JOB, name), &Event::StopRequested).await?;
    told.ok_or_else(|| Kind::TUNING_JOB.missing(&arn(call, Kind::TUNING_JOB, name)))?;
    Ok(json!({}))
}
