//! `DescribeEndpointConfig`

use serde_json::Value;

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::resource::{self, Kind, required};

pub(crate) async fn describe(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let record = sm.find(call, Kind::ENDPOINT_CONFIG, required(call, "EndpointConfigName")?).await?;
    Ok(Value::Object(resource::describe(Kind::ENDPOINT_CONFIG, record)))
}
