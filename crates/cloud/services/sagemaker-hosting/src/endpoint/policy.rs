//! `DeploymentConfig`: what it says, and what of it cannot be.
//!
//! <https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails.html>

use serde::Deserialize;
use serde_json::Value;

use super::plan::Deployment;
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::SageMaker;

/// Instance types on which AWS moves all traffic at once, whatever the policy says.
const ALWAYS_AT_ONCE: &str = "ml.inf1.";

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Policy {
    pub blue_green_update_policy: Option<BlueGreen>,
    pub rolling_update_policy: Option<Rolling>,
    auto_rollback_configuration: Option<AutoRollback>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BlueGreen {
    pub traffic_routing_configuration: Routing,
    pub termination_wait_in_seconds: Option<u32>,
    pub maximum_execution_timeout_in_seconds: Option<u32>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Routing {
    #[serde(rename = "Type")]
    pub kind: Kind,
    #[serde(default)]
    pub wait_interval_in_seconds: u32,
    pub canary_size: Option<Size>,
    pub linear_step_size: Option<Size>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Kind {
    AllAtOnce,
    Canary,
    Linear,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Rolling {
    pub maximum_batch_size: Size,
    #[serde(default)]
    pub wait_interval_in_seconds: u32,
    pub maximum_execution_timeout_in_seconds: Option<u32>,
    pub rollback_maximum_batch_size: Option<Size>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AutoRollback {
    #[serde(default)]
    alarms: Vec<Alarm>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Alarm {
    alarm_name: Option<String>,
}

/// `CapacitySize`
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Size {
    #[serde(rename = "Type")]
    unit: Unit,
    value: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Unit {
    InstanceCount,
    CapacityPercent,
}

impl Size {
    /// Its part of a deployment's capacity. A number of instances is a part of the largest variant.
    pub fn share(self, of: &Deployment) -> f64 {
        let whole = match self.unit {
            Unit::CapacityPercent => 100,
            Unit::InstanceCount => of.variants.iter().filter_map(|v| v.instances).max().unwrap_or(1).max(1),
        };
        (f64::from(self.value) / f64::from(whole)).min(1.0)
    }

    /// How many of so many instances it is: one at least.
    pub fn instances(self, all: u32) -> u32 {
        match self.unit {
            Unit::InstanceCount => self.value.clamp(1, all.max(1)),
            Unit::CapacityPercent => {
                let part = (u64::from(all) * u64::from(self.value)).div_ceil(100);
                u32::try_from(part).unwrap_or(all).max(1)
            }
        }
    }

    /// Refuses a size that is not from `least` to `most` percent of each variant.
    fn check(self, member: &str, least: u32, most: u32, of: &Deployment) -> Result<(), ApiError> {
        let fits = |value: u32, all: u32| {
            let percent = u64::from(value) * 100;
            percent >= u64::from(least) * u64::from(all) && percent <= u64::from(most) * u64::from(all)
        };
        let range = if least > 1 { format!("{least}-{most}%") } else { format!("less than or equal to {most}%") };
        if self.unit == Unit::CapacityPercent {
            return if fits(self.value, 100) {
                Ok(())
            } else {
                Err(ApiError::validation(format!("{member} value {} must be {range} of the capacity.", self.value)))
            };
        }
        for variant in &of.variants {
            let name = &variant.name;
            let Some(all) = variant.instances else {
                return Err(ApiError::validation(format!(
                    "{member} of type INSTANCE_COUNT can not be used with serverless variant \"{name}\"."
                )));
            };
            if !fits(self.value, all) {
                return Err(ApiError::validation(format!(
                    "{member} value {} must be {range} of the total instance count {all} of variant \"{name}\".",
                    self.value
                )));
            }
        }
        Ok(())
    }
}

impl Policy {
    /// A policy as it is kept.
    pub fn read(config: Option<&Value>) -> Self {
        config.and_then(|config| Self::deserialize(config).ok()).unwrap_or_default()
    }

    /// The names of the alarms that end a deployment.
    pub fn alarms(&self) -> Vec<String> {
        let alarms = self.auto_rollback_configuration.iter().flat_map(|config| &config.alarms);
        alarms.filter_map(|alarm| alarm.alarm_name.clone()).collect()
    }

    /// Whether AWS heeds it for a deployment. Else traffic moves at once and nothing is waited for.
    pub fn counts_for(deployment: &Deployment) -> bool {
        let types = deployment.variants.iter().filter_map(|v| v.instance_type.as_deref());
        !types.into_iter().any(|kind| kind.starts_with(ALWAYS_AT_ONCE))
    }

    /// Refuses what cannot be done with a deployment, that takes the place of another one but for a new endpoint.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check(&self, target: &Deployment, before: Option<&Deployment>) -> Result<(), ApiError> {
        let refused = |text: &str| Err(ApiError::validation(text));
        if self.blue_green_update_policy.is_some() && self.rolling_update_policy.is_some() {
            return refused("BlueGreenUpdatePolicy and RollingUpdatePolicy can not both be set in DeploymentConfig.");
        }
        let mut gradual = false;
        if let Some(BlueGreen { traffic_routing_configuration: routing, .. }) = &self.blue_green_update_policy {
            let name = match routing.kind {
                Kind::AllAtOnce => "ALL_AT_ONCE",
                Kind::Canary => "CANARY",
                Kind::Linear => "LINEAR",
            };
            for (member, size, of, least) in [
                ("CanarySize", routing.canary_size, Kind::Canary, 1),
                ("LinearStepSize", routing.linear_step_size, Kind::Linear, 10),
            ] {
                match (size, routing.kind == of) {
                    (None, false) => {}
                    (Some(size), true) => size.check(member, least, 50, target)?,
                    (Some(_), false) => {
                        return refused(&format!("{member} can not be set when the traffic routing type is {name}."));
                    }
                    (None, true) => {
                        return refused(&format!("{member} must be set when the traffic routing type is {name}."));
                    }
                }
            }
            gradual = routing.kind != Kind::AllAtOnce;
        }
        if let Some(rolling) = &self.rolling_update_policy {
            for deployment in [Some(target), before].into_iter().flatten() {
                if deployment.variants.len() > 1 {
                    return refused("RollingUpdatePolicy is not supported for endpoints with multiple variants.");
                }
                if deployment.variants.iter().any(|v| v.serverless.is_some()) {
                    return refused("RollingUpdatePolicy is not supported for serverless endpoints.");
                }
            }
            // An instance is more than a half of the smallest fleets, and there is no smaller batch.
            rolling.maximum_batch_size.check("MaximumBatchSize", 5, 50, target)?;
            if let Some(size) = rolling.rollback_maximum_batch_size {
                size.check("RollbackMaximumBatchSize", 5, 100, before.unwrap_or(target))?;
            }
            gradual = true;
        }
        if let Some(before) = before.filter(|_| gradual) {
            let names = |d: &Deployment| {
                let mut names: Vec<_> = d.variants.iter().map(|v| v.name.clone()).collect();
                names.sort_unstable();
                names
            };
            if names(before) != names(target) {
                return Err(ApiError::validation(format!(
                    "The variant names of endpoint configuration \"{}\" must match those of \"{}\" for this deployment policy.",
                    target.config, before.config
                )));
            }
        }
        Ok(())
    }
}

/// `DeploymentConfig` of a request.
pub(super) fn of(call: &Call) -> Option<Value> {
    call.input.get("DeploymentConfig").filter(|config| !config.is_null()).cloned()
}

/// Refuses a policy that names an alarm which is not there.
///
/// # Errors
/// One is missing, or they cannot be read.
pub(super) async fn check_alarms(sm: &SageMaker, call: &Call, config: Option<&Value>) -> Result<(), ApiError> {
    let names = Policy::read(config).alarms();
    if names.is_empty() {
        return Ok(());
    }
    let states = sm.execution().alarms.states(&call.caller.account, &call.region, &names).await?;
    let missing: Vec<_> =
        names.iter().zip(states).filter(|(_, state)| state.is_none()).map(|(name, _)| &**name).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(ApiError::validation(format!("Could not find CloudWatch alarm(s) [{}].", missing.join(", "))))
}
