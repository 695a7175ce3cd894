//! `DeleteModel`

use serde_json::{Value, json};

use crate::api::{ApiError, Call};
use crate::sagemaker::SageMaker;
use crate::sagemaker::resource::{Kind, locate, required};

pub(in crate::sagemaker) fn delete(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let (key, arn) = locate(call, Kind::Model, required(call, "ModelName")?)?;
    sm.remove(Kind::Model, &key, &arn)?;
    Ok(json!({}))
}
