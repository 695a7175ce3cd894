//! `DeleteImageVersion` and `DeleteImage`

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::recorded;
use serde_json::Value;

use super::{image, kind, numbered, versions};

pub(crate) async fn delete(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    recorded::delete::delete(sm, &numbered(sm, call).await?, kind("ImageVersion")?).await
}

/// An image goes with all of its versions (API reference).
pub(crate) async fn delete_image(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    // New versions are added under the same lock.
    let _guard = sm.registry().await;
    let image = image(sm, call).await?;
    let answer = recorded::delete::delete(sm, call, kind("Image")?).await?;
    for version in versions(sm, &image.key).await? {
        sm.remove(kind("ImageVersion")?, &version.key, &version.arn).await?;
    }
    Ok(answer)
}
