//! What an update makes of the deployment that it replaces.

use serde_json::{Map, Value};

use super::plan::Deployment;
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::inputs::within_limit;

/// What an update keeps of the deployment before: `Retain…` without what `ExcludeRetainedVariantProperties` names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Retain {
    pub policy: bool,
    pub instances: bool,
    pub weights: bool,
}

impl Retain {
    pub fn of(call: &Call) -> Self {
        let flag = |member: &str| call.input.get(member) == Some(&Value::Bool(true));
        let excluded = call.input.get("ExcludeRetainedVariantProperties").and_then(Value::as_array);
        let kept = |property: &str| {
            flag("RetainAllVariantProperties")
                && !excluded.is_some_and(|l| l.iter().any(|p| p["VariantPropertyType"] == property))
        };
        Self {
            policy: flag("RetainDeploymentConfig"),
            instances: kept("DesiredInstanceCount"),
            weights: kept("DesiredWeight"),
        }
    }

    /// The target with what is kept.
    pub fn over(self, before: &Deployment, mut target: Deployment) -> Deployment {
        if self.policy {
            target.policy.clone_from(&before.policy);
        }
        for old in &before.variants {
            let Some(new) = target.variant(&old.name) else { continue };
            if self.instances && new.instances.is_some() && old.instances.is_some() {
                new.instances = old.instances;
            }
            if self.weights {
                new.weight = old.weight;
            }
        }
        target
    }
}

/// `DesiredWeightAndCapacity`: what a request wants of one variant.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Wanted {
    pub variant: String,
    pub weight: Option<f64>,
    pub instances: Option<u64>,
    pub serverless: Option<Map<String, Value>>,
}

impl Wanted {
    pub fn of(call: &Call) -> Vec<Self> {
        let list = call.input.get("DesiredWeightsAndCapacities").and_then(Value::as_array);
        let one = |wish: &Value| Self {
            variant: wish["VariantName"].as_str().unwrap_or_default().to_owned(),
            weight: wish["DesiredWeight"].as_f64(),
            instances: wish["DesiredInstanceCount"].as_u64(),
            serverless: wish["ServerlessUpdateConfig"].as_object().cloned(),
        };
        list.into_iter().flatten().map(one).collect()
    }

    /// Changes a deployment as is wanted.
    ///
    /// # Errors
    /// The deployment cannot be so.
    pub fn apply(all: &[Self], target: &mut Deployment, most_instances: u32) -> Result<(), ApiError> {
        for (index, wanted) in all.iter().enumerate() {
            let name = &wanted.variant;
            if all.iter().take(index).any(|before| before.variant == *name) {
                return Err(ApiError::validation(format!(
                    "The variant name \"{name}\" was non-unique within the request."
                )));
            }
            wanted.change(target, most_instances)?;
        }
        if target.variants.iter().all(|v| v.weight == 0.0) {
            return Err(ApiError::validation(
                "At least one production variant must have a DesiredWeight greater than zero.",
            ));
        }
        Ok(())
    }

    fn change(&self, target: &mut Deployment, most_instances: u32) -> Result<(), ApiError> {
        let (name, config) = (&self.variant, target.config.clone());
        // Asynchronous endpoints may have none: what comes waits in the queue.
        let least = u64::from(target.asynchronous.is_none());
        let variant = target.variant(name).ok_or_else(|| {
            ApiError::validation(format!(
                "The variant name(s) \"{name}\" is/are not present within endpoint configuration \"{config}\"."
            ))
        })?;
        if let Some(weight) = self.weight {
            variant.weight = weight;
        }
        if let Some(count) = self.instances {
            if variant.serverless.is_some() || count < least {
                return Err(ApiError::validation(format!(
                    "DesiredInstanceCount {count} is not valid for the variant \"{name}\": it must be at least {least}, and is not for serverless variants."
                )));
            }
            let kind = variant.instance_type.as_deref().unwrap_or_default();
            within_limit(most_instances, kind, "endpoint usage", count)?;
            variant.instances = u32::try_from(count).ok();
        }
        if let Some(update) = &self.serverless {
            let Some(Value::Object(serverless)) = &mut variant.serverless else {
                return Err(ApiError::validation(format!(
                    "ServerlessUpdateConfig can not be set for the variant \"{name}\", which is not serverless."
                )));
            };
            serverless.extend(update.clone());
            let number = |member: &str| serverless.get(member).and_then(Value::as_u64);
            let (most, provisioned) = (number("MaxConcurrency"), number("ProvisionedConcurrency"));
            if let (Some(most), Some(provisioned)) = (most, provisioned)
                && provisioned > most
            {
                return Err(ApiError::validation(format!(
                    "ProvisionedConcurrency {provisioned} of production variant \"{name}\" must not be greater than its MaxConcurrency {most}."
                )));
            }
        }
        Ok(())
    }
}
