//! `DeleteModelPackageGroup`

use serde_json::{Value, json};

use crate::model_package::list::versions_exist;
use crate::model_package::token;
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::resource::{Kind, locate, required};

pub(crate) async fn delete(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let (key, arn) = locate(call, Kind::MODEL_PACKAGE_GROUP, required(call, "ModelPackageGroupName")?)?;
    // New versions are added under the same lock.
    let guard = sm.registry().await;
    if versions_exist(sm, &key).await? {
        return Err(ApiError::new(
            "ConflictException",
            400,
            "Model Package Group cannot be deleted as it still contains Model Packages",
        ));
    }
    sm.remove(Kind::MODEL_PACKAGE_GROUP, &key, &arn).await?;
    token::forget(sm, &key).await?;
    drop(guard);
    Ok(json!({}))
}
