//! Variants of endpoints, as Application Auto Scaling scales them: by SageMaker's own operations, as its service-linked role.

use async_trait::async_trait;
use serde_json::{Value, json};

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::StoreError;
use sagewright_cloud_core::scaling::{Capacity, Scalable, Scalables, ScalingError};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::calls::Principal;

const INSTANCES: &str = "sagemaker:variant:DesiredInstanceCount";
const CONCURRENCY: &str = "sagemaker:variant:DesiredProvisionedConcurrency";

/// The variants of a SageMaker.
#[derive(Clone)]
pub struct Variants(pub SageMaker);

/// One of them, as it is described.
struct Found {
    endpoint: Value,
    variant: Value,
}

impl Found {
    fn busy(&self) -> bool {
        self.endpoint["EndpointStatus"] != "InService"
    }
}

fn named(of: &Scalable) -> Option<(&str, &str)> {
    of.resource.strip_prefix("endpoint/")?.split_once("/variant/")
}

impl Variants {
    async fn invoke(&self, of: &Scalable, operation: &str, input: Value) -> Result<Value, ApiError> {
        let who = Principal {
            account: of.account.clone(),
            region: of.region.clone(),
            role_arn: format!(
                "arn:aws:iam::{}:role/AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint",
                of.account
            ),
            session: "AutoScaling".to_owned(),
        };
        self.0.invoke(&who, operation, input).await
    }

    async fn find(&self, of: &Scalable) -> Result<Found, ScalingError> {
        let Some((name, variant)) = named(of) else {
            return Err(ScalingError::NotHere(format!(
                "{} is not supported by the embedded cloud, which scales variants of endpoints; use a real AWS account for it (unset AWS_ENDPOINT_URL).",
                of.resource
            )));
        };
        let endpoint = self.invoke(of, "DescribeEndpoint", json!({"EndpointName": name})).await.map_err(failed)?;
        let variants = endpoint["ProductionVariants"].as_array().cloned().unwrap_or_default();
        let found = variants.into_iter().find(|known| known["VariantName"] == variant).ok_or_else(|| {
            let status = endpoint["EndpointStatus"].as_str().unwrap_or_default();
            ScalingError::Missing(format!(
                "Could not find the variant \"{variant}\" of the endpoint \"{name}\", which is in status {status}."
            ))
        })?;
        Ok(Found { endpoint, variant: found })
    }
}

/// An endpoint that is missing is one thing, a store that fails another.
fn failed(error: ApiError) -> ScalingError {
    if error.status < 500 {
        ScalingError::Missing(error.message)
    } else {
        ScalingError::Store(StoreError::Refused(error.message))
    }
}

fn number(value: &Value) -> Option<u32> {
    value.as_u64().and_then(|number| u32::try_from(number).ok())
}

#[async_trait]
impl Scalables for Variants {
    async fn capacity(&self, of: &Scalable) -> Result<Capacity, ScalingError> {
        let found = self.find(of).await?;
        let serverless = ["DesiredServerlessConfig", "CurrentServerlessConfig"]
            .iter()
            .map(|member| &found.variant[member])
            .find(|config| config.is_object());
        let (desired, kind) = match (&*of.dimension, serverless) {
            (INSTANCES, None) => (number(&found.variant["DesiredInstanceCount"]), "has no instances"),
            (CONCURRENCY, Some(config)) => {
                (number(&config["ProvisionedConcurrency"]), "has no provisioned concurrency")
            }
            (CONCURRENCY, None) => (None, "is not serverless"),
            _ => (None, "is serverless"),
        };
        let missing = || {
            ScalingError::Missing(format!("{} cannot be scaled in {}: the variant {kind}.", of.resource, of.dimension))
        };
        // Asynchronous endpoints may have no instances: what comes waits in their queue.
        let asynchronous = found.endpoint["AsyncInferenceConfig"].is_object();
        let least = u32::from(of.dimension != INSTANCES || !asynchronous);
        Ok(Capacity { desired: desired.ok_or_else(missing)?, least, busy: found.busy() })
    }

    async fn set(&self, of: &Scalable, desired: u32) -> Result<(), ScalingError> {
        let (name, variant) = named(of).unwrap_or_default();
        let mut wanted = json!({"VariantName": variant});
        match &*of.dimension {
            CONCURRENCY => wanted["ServerlessUpdateConfig"] = json!({"ProvisionedConcurrency": desired}),
            _ => wanted["DesiredInstanceCount"] = desired.into(),
        }
        let input = json!({"EndpointName": name, "DesiredWeightsAndCapacities": [wanted]});
        let Err(error) = self.invoke(of, "UpdateEndpointWeightsAndCapacities", input).await else { return Ok(()) };
        if error.status >= 500 {
            return Err(failed(error));
        }
        // Another update may have come first.
        let busy = self.find(of).await?.busy();
        Err(if busy { ScalingError::Busy(error.message) } else { ScalingError::Refused(error.message) })
    }

    async fn settled(&self, of: &Scalable) {
        loop {
            let mut changes = self.0.subscribe();
            if !self.find(of).await.is_ok_and(|found| found.busy()) {
                return;
            }
            let name = named(of).map(|(name, _)| format!(":{}:endpoint/{name}", of.account)).unwrap_or_default();
            loop {
                match changes.recv().await {
                    Ok(change) if change.arn.to_lowercase().ends_with(&name.to_lowercase()) => break,
                    Ok(_) => {}
                    // Who is far behind missed some.
                    Err(tokio::sync::broadcast::error::RecvError::Lagged(_)) => break,
                    Err(tokio::sync::broadcast::error::RecvError::Closed) => return,
                }
            }
        }
    }
}

/// A variant before an update and after it: its name and its instance type.
pub(crate) type Typed<'v> = (&'v str, Option<&'v str>);

/// Refuses an update that takes a variant away from Application Auto Scaling, or its instance type, as AWS does.
///
/// # Errors
/// It does, or what is registered cannot be read.
pub(crate) async fn check_update(
    sm: &SageMaker,
    call: &Call,
    endpoint: &str,
    before: &[Typed<'_>],
    after: &[Typed<'_>],
) -> Result<(), ApiError> {
    let changed: Vec<&str> = before.iter().filter(|old| !after.contains(old)).map(|(name, _)| *name).collect();
    let resources: Vec<String> = changed.iter().map(|name| format!("endpoint/{endpoint}/variant/{name}")).collect();
    let registered = sm.execution().targets.registered(&call.caller.account, &call.region, &resources).await?;
    let names: Vec<&str> = changed
        .iter()
        .zip(&resources)
        .filter(|(_, resource)| registered.contains(resource))
        .map(|(name, _)| *name)
        .collect();
    if names.is_empty() {
        return Ok(());
    }
    Err(ApiError::validation(format!(
        "The variant(s) \"{}\" must be deregistered as scalable targets with AWS Auto Scaling before they can be removed or have their instance type updated.",
        names.join(", ")
    )))
}

/// Deregisters the variants of an endpoint that goes, as AWS does.
///
/// # Errors
/// The store failed.
pub(crate) async fn forget(sm: &SageMaker, call: &Call, endpoint: &str) -> Result<(), ApiError> {
    let start = format!("endpoint/{endpoint}/variant/");
    Ok(sm.execution().targets.deregister(&call.caller.account, &call.region, &start).await?)
}
