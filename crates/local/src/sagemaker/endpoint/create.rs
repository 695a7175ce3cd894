//! `CreateEndpoint`

use serde_json::{Value, json};

use super::plan::{Deployment, Deployments};
use super::{KIND, deploy, policy};
use crate::api::{ApiError, Call};
use crate::sagemaker::SageMaker;
use crate::sagemaker::inputs::tags;
use crate::sagemaker::resource::{HIDDEN, body, required};

pub(in crate::sagemaker) fn create(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let name = required(call, "EndpointName")?;
    let tags = tags(call)?;
    let policy = policy::of(call)?;
    let deployment = Deployment { policy, ..Deployment::of(sm, call, required(call, "EndpointConfigName")?)? };

    let mut stored = body(call, &["Tags", "DeploymentConfig"]);
    stored.insert("EndpointConfigName".to_owned(), json!(deployment.config));
    stored.insert(HIDDEN.to_owned(), json!(Deployments { next: Some(deployment), ..Deployments::default() }));
    let record = sm.insert(call, KIND, name, "Creating", stored, &tags)?;
    deploy::launch(sm, record.key);
    Ok(json!({ "EndpointArn": record.arn }))
}
