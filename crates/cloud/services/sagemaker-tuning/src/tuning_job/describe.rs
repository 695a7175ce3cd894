//! `DescribeHyperParameterTuningJob`

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::resource::epoch_seconds;
use sagewright_cloud_sagemaker_base::{Kind, SageMaker, recorded};
use serde_json::Value;

use super::show;

pub(crate) async fn describe(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let mut found = recorded::describe::describe(sm, call, Kind::TUNING_JOB).await?;
    // The record has it as of its last change.
    if found["HyperParameterTuningEndTime"].is_null() {
        let now = epoch_seconds(call.now.as_millisecond());
        found["ConsumedResources"] = show::consumed(now - found["CreationTime"].as_f64().unwrap_or(now));
    }
    Ok(found)
}
