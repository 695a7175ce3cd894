//! `UpdateEndpoint`

use serde_json::{Value, json};

use super::change::Retain;
use super::machine::Endpoints;
use super::plan::Deployment;
use super::step::Event;
use super::{KIND, policy};
use crate::scaling;
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::resource::{Kind, required};
use sagewright_cloud_sagemaker_base::{SageMaker, machine};

pub(crate) async fn update(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let (policy, retain) = (policy::of(call), Retain::of(call));
    let record = sm.find(call, KIND, required(call, "EndpointName")?).await?;
    let state = machine::state::<Endpoints>(&record);
    // AWS reads the configuration that is being replaced, and refuses where it has been deleted.
    let before = &state.changeable()?.deployment;
    sm.find(call, Kind::ENDPOINT_CONFIG, &before.config).await?;
    policy::check_alarms(sm, call, if retain.policy { before.policy.as_ref() } else { policy.as_ref() }).await?;
    let target = Deployment { policy, ..Deployment::of(sm, call, required(call, "EndpointConfigName")?).await? };
    scaling::check_update(sm, call, &state.name, &before.types(), &target.types()).await?;
    let record = super::request(sm, call, Event::Updated { target, retain }).await?;
    Ok(json!({ "EndpointArn": record.arn }))
}
