//! `DescribeMonitoringSchedule`: with the last execution.

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::resource::{locate, required};
use sagewright_cloud_sagemaker_base::{SageMaker, recorded};
use serde_json::Value;

use super::KIND;
use crate::execution;

pub(crate) async fn describe(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let mut shown = recorded::describe::describe(sm, call, KIND).await?;
    let (key, _) = locate(call, KIND, required(call, "MonitoringScheduleName")?)?;
    if let Some(schedule) = sm.env().store.record(&key).await?
        && let Some(last) = execution::last(sm, &schedule).await?
    {
        shown["LastMonitoringExecutionSummary"] = execution::summary(last);
    }
    Ok(shown)
}
