//! `DescribeModel`

use serde_json::Value;

use crate::api::{ApiError, Call};
use crate::sagemaker::SageMaker;
use crate::sagemaker::resource::{self, Kind, required};

pub(in crate::sagemaker) fn describe(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let record = sm.find(call, Kind::Model, required(call, "ModelName")?)?;
    Ok(Value::Object(resource::describe(Kind::Model, record)))
}
