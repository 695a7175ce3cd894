//! `CreateMonitoringSchedule`

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::inputs::tags;
use sagewright_cloud_sagemaker_base::resource::{body, fields, hidden, required};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{KIND, PENDING, checked, configure, set_due};

pub(crate) async fn create(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let name = required(call, "MonitoringScheduleName")?;
    let tags = tags(call)?;
    let plan = checked(sm, call, name).await?;
    let mut record = SageMaker::record(call, KIND, name, "Pending", body(call, &["Tags"]));
    configure(&mut record, call, &plan)?;
    // Tells its executions from those of others that had its name.
    hidden(fields(&mut record)?).insert("id".to_owned(), json!(Uuid::new_v4().to_string()));
    let due = record.created + PENDING;
    let mut more = sm.news(KIND, &record, "Pending");
    more.extend(set_due(&mut record, Some(due))?);
    let arn = record.arn.clone();
    if !sm.env().store.insert(record, tags, more).await? {
        return Err(KIND.taken(&arn));
    }
    sm.committed(Some(due));
    Ok(json!({ "MonitoringScheduleArn": arn }))
}
