//! `StartMonitoringSchedule` and `StopMonitoringSchedule`. What runs of a schedule that is stopped goes on.

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::resource::{locate, required};
use serde_json::{Value, json};

use super::{KIND, PENDING, set_due};

pub(crate) async fn start(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    turn(sm, call, "Stopped", "Pending", "started").await
}

pub(crate) async fn stop(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    turn(sm, call, "Scheduled", "Stopped", "stopped").await
}

async fn turn(sm: &SageMaker, call: &Call, from: &str, to: &str, verb: &str) -> Result<Value, ApiError> {
    let (key, arn) = locate(call, KIND, required(call, "MonitoringScheduleName")?)?;
    let now = call.now.as_millisecond();
    let changed = sm
        .change_with(KIND, &key, |record, batch| {
            if record.status != from {
                let text = format!("MonitoringSchedule {} cannot be {verb} in status {}.", record.arn, record.status);
                return Err(ApiError::validation(text));
            }
            to.clone_into(&mut record.status);
            record.modified = now;
            batch.extend(set_due(record, (to == "Pending").then_some(now + PENDING))?);
            Ok(())
        })
        .await?;
    changed.ok_or_else(|| KIND.missing(&arn))?;
    Ok(json!({}))
}
