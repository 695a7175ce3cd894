//! `UpdateMonitoringSchedule`

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::resource::{locate, required};
use serde_json::{Value, json};

use super::{KIND, PENDING, checked, configure, set_due};

pub(crate) async fn update(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let name = required(call, "MonitoringScheduleName")?;
    let (key, arn) = locate(call, KIND, name)?;
    let there = sm.env().store.record(&key).await?.is_some();
    if !there {
        return Err(KIND.missing(&arn));
    }
    let plan = checked(sm, call, name).await?;
    let now = call.now.as_millisecond();
    let changed = sm
        .change_with(KIND, &key, |record, batch| {
            if record.status == "Pending" {
                return Err(ApiError::in_use(format!(
                    "MonitoringSchedule {} cannot be updated in status Pending.",
                    record.arn
                )));
            }
            configure(record, call, &plan)?;
            record.modified = now;
            // One that was stopped stays so.
            if record.status != "Stopped" {
                "Pending".clone_into(&mut record.status);
                batch.extend(set_due(record, Some(now + PENDING))?);
            }
            Ok(())
        })
        .await?;
    changed.ok_or_else(|| KIND.missing(&arn))?;
    Ok(json!({ "MonitoringScheduleArn": arn }))
}
