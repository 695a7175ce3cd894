//! `UpdateEndpointWeightsAndCapacities`

use serde_json::{Value, json};

use super::change::Wanted;
use super::step::Event;
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::SageMaker;

pub(crate) async fn update(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let wanted = Wanted::of(call);
    let most_instances = sm.execution().instances;
    let record = super::request(sm, call, Event::WeightsChanged { wanted, most_instances }).await?;
    Ok(json!({ "EndpointArn": record.arn }))
}
