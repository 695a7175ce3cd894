//! `CreateTrial`: its experiment must be there.

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::recorded;
use sagewright_cloud_sagemaker_base::resource::required;
use sagewright_cloud_sagemaker_base::{Kind, SageMaker};
use serde_json::Value;

pub async fn trial(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    sm.find(call, Kind::EXPERIMENT, required(call, "ExperimentName")?).await?;
    recorded::create::create(sm, call, Kind::TRIAL).await
}
