//! `DeleteEndpoint`

use serde_json::{Value, json};

use super::step::Event;
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::SageMaker;

pub(crate) async fn delete(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    super::request(sm, call, Event::DeleteRequested).await?;
    Ok(json!({}))
}
