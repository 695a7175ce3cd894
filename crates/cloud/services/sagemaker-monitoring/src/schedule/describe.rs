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
    if let Some(last) = execution::of_schedule(sm, &key, 1).await?.into_iter().next() {
        shown["LastMonitoringExecutionSummary"] = execution::summary(last);
    }
    Ok(shown)
}
