//! `DeleteModel`

use serde_json::{Value, json};

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::resource::{Kind, locate, required};

pub(crate) async fn delete(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let (key, arn) = locate(call, Kind::MODEL, required(call, "ModelName")?)?;
    sm.remove(Kind::MODEL, &key, &arn).await?;
    Ok(json!({}))
}
