//! `CreateModelPackageGroup`

use serde_json::{Value, json};

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::inputs::tags;
use sagewright_cloud_sagemaker_base::resource::user;
use sagewright_cloud_sagemaker_base::resource::{Kind, body, required};
use sagewright_cloud_sagemaker_base::{SageMaker, refuse};

pub(crate) async fn create(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let name = required(call, "ModelPackageGroupName")?;
    let tags = tags(call)?;
    refuse::members("", &call.input, &["/ManagedConfiguration"])?;
    let mut stored = body(call, &["Tags"]);
    stored.insert("CreatedBy".to_owned(), user(call));
    let arn = sm.insert(call, Kind::MODEL_PACKAGE_GROUP, name, "Completed", stored, tags).await?;
    Ok(json!({ "ModelPackageGroupArn": arn }))
}
