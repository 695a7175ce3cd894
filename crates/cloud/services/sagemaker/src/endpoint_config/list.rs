//! `ListEndpointConfigs`

use serde_json::Value;

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::listing::{self, Listing};
use sagewright_cloud_sagemaker_base::resource::Kind;

pub(crate) async fn list(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let listing = Listing {
        kind: Kind::ENDPOINT_CONFIG,
        result: "EndpointConfigs",
        summary: &["EndpointConfigName", "EndpointConfigArn", "CreationTime"],
        descending: true,
        filters: Vec::new(),
    };
    listing::list(sm, call, &listing).await
}
