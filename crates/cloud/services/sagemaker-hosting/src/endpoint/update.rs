//! `UpdateEndpoint`

use serde_json::{Value, json};

use super::plan::{Deployment, Deployments};
use super::{KIND, changeable, deploy, deployments, policy};
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::resource::{HIDDEN, Kind, arn, fields, key, required};

pub(crate) async fn update(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let name = required(call, "EndpointName")?;
    let policy = policy::of(call)?;
    let key = key(call, KIND, name);
    let record = sm.find(call, KIND, name).await?;
    changeable(&record)?;
    // AWS reads the configuration that is being replaced, and refuses where it has been deleted.
    if let Some(current) = deployments(&record)?.current {
        sm.find(call, Kind::ENDPOINT_CONFIG, &current.config).await?;
    }
    let next = Deployment::of(sm, call, required(call, "EndpointConfigName")?).await?;

    let flag = |member: &str| call.input.get(member) == Some(&Value::Bool(true));
    let excluded = call.input.get("ExcludeRetainedVariantProperties").and_then(Value::as_array);
    let excluded = |property: &str| excluded.is_some_and(|l| l.iter().any(|p| p["VariantPropertyType"] == property));

    let updated = sm
        .change(KIND, &key, |record| {
            changeable(record)?;
            let Deployments { current, down, epoch, .. } = deployments(record)?;
            let epoch = epoch + 1;
            let mut next = Deployment { policy: policy.clone(), ..next.clone() };
            if flag("RetainDeploymentConfig") {
                next.policy = current.as_ref().and_then(|c| c.policy.clone());
            }
            if flag("RetainAllVariantProperties") {
                for old in current.iter().flat_map(|c| &c.variants) {
                    let Some(new) = next.variant(&old.name) else { continue };
                    if !excluded("DesiredInstanceCount") && new.instances.is_some() && old.instances.is_some() {
                        new.instances = old.instances;
                    }
                    if !excluded("DesiredWeight") {
                        new.weight = old.weight;
                    }
                }
            }
            record.status = "Updating".to_owned();
            record.modified = call.now.as_millisecond();
            let stored = fields(record)?;
            stored.swap_remove("FailureReason");
            stored.insert("PendingDeploymentSummary".to_owned(), next.pending());
            stored.insert(
                HIDDEN.to_owned(),
                json!(Deployments { current, next: Some(next), epoch, weights_only: false, down }),
            );
            Ok((record.arn.clone(), epoch))
        })
        .await?;
    let (arn, epoch) = updated.ok_or_else(|| KIND.missing(&arn(call, KIND, name)))?;
    deploy::launch(sm, key, epoch);
    Ok(json!({ "EndpointArn": arn }))
}
