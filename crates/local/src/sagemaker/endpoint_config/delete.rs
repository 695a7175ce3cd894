//! `DeleteEndpointConfig`

use serde_json::{Value, json};

use crate::api::{ApiError, Call};
use crate::sagemaker::SageMaker;
use crate::sagemaker::resource::{Kind, locate, required};

pub(in crate::sagemaker) fn delete(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let (key, arn) = locate(call, Kind::EndpointConfig, required(call, "EndpointConfigName")?)?;
    sm.remove(Kind::EndpointConfig, &key, &arn)?;
    Ok(json!({}))
}
