//! `CreateModelPackageGroup`

use serde_json::{Value, json};

use super::user;
use crate::api::{ApiError, Call};
use crate::sagemaker::inputs::tags;
use crate::sagemaker::resource::{Kind, body, required};
use crate::sagemaker::{SageMaker, refuse};

pub(in crate::sagemaker) fn create(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let name = required(call, "ModelPackageGroupName")?;
    let tags = tags(call)?;
    refuse::members("", &call.input, &["/ManagedConfiguration"])?;
    let mut stored = body(call, &["Tags"]);
    stored.insert("CreatedBy".to_owned(), user(call));
    let record = sm.insert(call, Kind::ModelPackageGroup, name, "Completed", stored, &tags)?;
    Ok(json!({ "ModelPackageGroupArn": record.arn }))
}
