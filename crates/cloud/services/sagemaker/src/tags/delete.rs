//! `DeleteTags`

use serde_json::{Value, json};

use super::changeable;
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::Write;
use sagewright_cloud_sagemaker_base::SageMaker;

pub(crate) async fn delete(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let keys: Vec<String> = call
        .input
        .get("TagKeys")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|k| k.as_str().map(str::to_owned))
        .collect();
    let _guard = sm.exclusive().await;
    let arn = changeable(sm, call).await?;
    sm.write(Write::DeleteTags { arn, keys }).await?;
    Ok(json!({}))
}
