//! `DeleteEndpoint`

use serde_json::{Value, json};

use super::step::Event;
use crate::scaling;
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::SageMaker;

pub(crate) async fn delete(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let record = super::request(sm, call, Event::DeleteRequested).await?;
    scaling::forget(sm, call, record.body["EndpointName"].as_str().unwrap_or_default()).await?;
    Ok(json!({}))
}
