//! `CreateEndpoint`

use serde_json::{Value, json};

use super::plan::{Deployment, Deployments};
use super::{KIND, deploy, policy};
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::inputs::tags;
use sagewright_cloud_sagemaker_base::resource::{HIDDEN, body, epoch, required};

pub(crate) async fn create(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let name = required(call, "EndpointName")?;
    let tags = tags(call)?;
    let policy = policy::of(call)?;
    let deployment = Deployment { policy, ..Deployment::of(sm, call, required(call, "EndpointConfigName")?).await? };

    let mut stored = body(call, &["Tags", "DeploymentConfig"]);
    stored.insert("EndpointConfigName".to_owned(), json!(deployment.config));
    stored.insert(HIDDEN.to_owned(), json!(Deployments { next: Some(deployment), ..Deployments::default() }));
    let record = sm.insert(call, KIND, name, "Creating", stored, &tags).await?;
    let epoch = epoch(&record);
    deploy::launch(sm, record.key, epoch);
    Ok(json!({ "EndpointArn": record.arn }))
}
