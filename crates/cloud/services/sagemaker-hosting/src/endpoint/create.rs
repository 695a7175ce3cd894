//! `CreateEndpoint`

use serde_json::{Value, json};

use super::KIND;
use super::machine::Endpoints;
use super::plan::Deployment;
use super::policy::{self, Policy};
use super::state::State;
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::inputs::tags;
use sagewright_cloud_sagemaker_base::resource::{body, required};
use sagewright_cloud_sagemaker_base::{SageMaker, machine};

pub(crate) async fn create(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let name = required(call, "EndpointName")?;
    let tags = tags(call)?;
    let policy = policy::of(call);
    policy::check_alarms(sm, call, policy.as_ref()).await?;
    let target = Deployment { policy, ..Deployment::of(sm, call, required(call, "EndpointConfigName")?).await? };
    Policy::read(target.policy.as_ref()).check(&target, None)?;
    let record = SageMaker::record(call, KIND, name, "", body(call, &["Tags", "DeploymentConfig"]));
    let first = State::created(name, &record.arn, target, record.created);
    let record = machine::create(&Endpoints(sm.clone()), record, &tags, first).await?;
    Ok(json!({ "EndpointArn": record.arn }))
}
