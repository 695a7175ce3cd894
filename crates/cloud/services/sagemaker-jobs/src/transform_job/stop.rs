//! `StopTransformJob`

use serde_json::Value;

use super::TransformJobs;
use crate::job;
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::SageMaker;

pub(crate) async fn stop(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    job::stop::stop(&TransformJobs::new(sm), call).await
}
