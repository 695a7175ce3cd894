//! What is known of an endpoint, as its record keeps it, and what the record shows of it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::capture;
use super::plan::{Deployment, Shown, Status};
use super::rollout::{Mixed, Rollout};
use sagewright_cloud_core::api::ApiError;
use sagewright_cloud_sagemaker_base::FleetPlan;

/// An endpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct State {
    /// Name as it was given.
    pub name: String,
    pub arn: String,
    /// Which effect is under way, or was the last one; higher for each. What came of an earlier one changes nothing.
    pub epoch: u64,
    /// `LastModifiedTime`, milliseconds since 1970.
    pub modified: i64,
    /// `FailureReason` of the last deployment.
    pub failure: Option<String>,
    /// What serves, or served last.
    pub served: Option<Served>,
    /// What serves beside it, after a rollback that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mixed: Option<Box<Mixed>>,
    pub phase: Phase,
}

/// A deployment that was complete.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Served {
    pub deployment: Deployment,
    /// Since when, milliseconds since 1970.
    pub since: i64,
    pub health: Health,
    /// Of the fleet.
    #[serde(default)]
    pub id: u64,
}

/// Whether what was deployed serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Health {
    Up,
    /// A restart stopped it, and it was not started again yet.
    Stopped,
    /// It could not be started again after a restart.
    Down,
}

/// What is under way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Phase {
    /// Nothing: in service, out of service, or failed.
    Settled,
    /// What was served is started again after a restart.
    Restoring,
    /// A creation, or an update that moves all traffic at once.
    Deploying {
        target: Deployment,
        /// Of the target's fleet.
        #[serde(default)]
        id: u64,
        request: Request,
        step: Step,
    },
    /// An update under guardrails.
    Guarded(Box<Rollout>),
    /// Servers are stopped; then the endpoint is gone.
    Deleting,
}

/// What asked for a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Request {
    Creation,
    Update,
    /// `UpdateEndpointWeightsAndCapacities`
    Weights,
}

/// How far a deployment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Step {
    /// What was served is started again after a restart; the target comes next.
    Restore,
    /// The target's servers start, without traffic unless nothing else serves.
    BringUp,
    /// All traffic moves to the target. This is recorded before any moves, so that no restart brings it back.
    Shift,
    /// The target has the servers of what is served: its weights are set.
    Reweigh,
}

impl State {
    /// `EndpointStatus`
    pub fn status(&self) -> &'static str {
        match (&self.phase, &self.served) {
            (Phase::Deploying { request: Request::Creation, .. }, _) => "Creating",
            (Phase::Deploying { .. }, _) => "Updating",
            (Phase::Guarded(rollout), _) if rollout.back.is_some() => "RollingBack",
            (Phase::Guarded(_), _) => "Updating",
            (Phase::Deleting, _) => "Deleting",
            // What AWS calls maintenance: "cannot be updated or deleted or re-scaled until it has completed".
            (Phase::Restoring, _) => "SystemUpdating",
            (Phase::Settled, None) => "Failed",
            (Phase::Settled, Some(Served { health: Health::Up, .. })) if self.mixed.is_some() => "UpdateRollbackFailed",
            (Phase::Settled, Some(Served { health: Health::Up, .. })) => "InService",
            (Phase::Settled, Some(_)) => "OutOfService",
        }
    }

    /// The deployment that is served, where the endpoint takes changes: one at a time, and none after a failed creation
    /// ("DeleteEndpoint is the only operation that can be performed on a failed endpoint", API reference).
    pub fn changeable(&self) -> Result<&Served, ApiError> {
        match (&self.phase, &self.served) {
            (Phase::Settled, Some(served)) => Ok(served),
            (Phase::Settled, None) => Err(ApiError::validation(format!(
                "Cannot update endpoint \"{}\" in status Failed. DeleteEndpoint is the only operation that can be performed on a failed endpoint.",
                self.arn
            ))),
            _ => Err(self.in_progress()),
        }
    }

    /// The same for a change of weights and capacities: of which fleet would they be after a rollback that failed?
    pub fn scalable(&self) -> Result<&Served, ApiError> {
        let served = self.changeable()?;
        match self.status() {
            status @ "UpdateRollbackFailed" => Err(ApiError::validation(format!(
                "Cannot update endpoint \"{}\" in status {status}. UpdateEndpoint returns it to InService.",
                self.arn
            ))),
            _ => Ok(served),
        }
    }

    /// An endpoint that is being changed cannot be deleted either; AWS answers as for an update.
    pub fn in_progress(&self) -> ApiError {
        ApiError::validation(format!("Cannot update in-progress endpoint \"{}\".", self.arn))
    }

    /// The fleets of what serves, with a part of the traffic; of the served deployment so many instances, or all.
    pub fn base(&self, share: f64, instances: Option<u32>) -> Vec<FleetPlan> {
        let Some(served) = &self.served else { return Vec::new() };
        let Some(mixed) = &self.mixed else { return vec![served.deployment.fleet(served.id, share, instances)] };
        let layout = mixed.layout;
        let mut fleets = vec![mixed.deployment.fleet(mixed.id, share * layout.share, layout.new)];
        if layout.old != Some(0) {
            fleets.push(served.deployment.fleet(served.id, share * (1.0 - layout.share), layout.old));
        }
        fleets
    }

    /// Puts the members that answers are made of into the stored ones.
    pub fn show(&self, stored: &mut Map<String, Value>) {
        let served = self.served.as_ref();
        let target = match &self.phase {
            Phase::Deploying { target, .. } => Some(target),
            _ => None,
        };
        let config = served.map(|s| &s.deployment).or(target).map(|d| &d.config);
        if let Some(config) = config {
            stored.insert("EndpointConfigName".to_owned(), json!(config));
        }
        let mut show = |member: &str, value: Option<Value>| match value {
            Some(value) => drop(stored.insert(member.to_owned(), value)),
            None => drop(stored.swap_remove(member)),
        };
        show("ProductionVariants", served.map(|s| s.deployment.summaries(s.since, &self.shown(&s.deployment))));
        show("LastDeploymentConfig", served.and_then(|s| s.deployment.policy.clone()));
        show("DataCaptureConfig", served.and_then(|s| capture::summary(s.deployment.capture.as_deref()?)));
        show("AsyncInferenceConfig", served.and_then(|s| s.deployment.asynchronous.as_deref().cloned()));
        show("PendingDeploymentSummary", self.pending());
        show("FailureReason", self.failure.as_ref().map(|reason| json!(reason)));
    }

    /// How far the deployment that is served is.
    fn shown(&self, served: &Deployment) -> Shown {
        match (&self.phase, &self.mixed) {
            (_, Some(mixed)) => mixed.shown_old(served),
            (Phase::Guarded(rollout), None) => rollout.shown_old(served),
            _ => Shown::ALL,
        }
    }

    /// `PendingDeploymentSummary`: for a new endpoint configuration, not for new weights.
    fn pending(&self) -> Option<Value> {
        match &self.phase {
            Phase::Deploying { target, request: Request::Update, .. } => {
                let status = Status { name: "Creating", message: String::new(), about: 1.0, since: target.started };
                Some(target.pending(&Shown { used: None, status: Some(status) }))
            }
            Phase::Guarded(rollout) => Some(rollout.target.pending(&rollout.shown_target())),
            _ => None,
        }
    }
}
