//! What an endpoint makes of each event. All decisions are here, and nothing else.

use super::change::{Retain, Wanted};
use super::plan::Deployment;
use super::state::{Health, Phase, Request, Served, State, Step};
use sagewright_cloud_core::api::ApiError;
use sagewright_cloud_sagemaker_base::VariantPlan;
use sagewright_cloud_sagemaker_base::machine::Next;
use sagewright_cloud_sagemaker_base::resource::cut;

/// What happens to an endpoint.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Event {
    /// `UpdateEndpoint`
    Updated { target: Deployment, retain: Retain },
    /// `UpdateEndpointWeightsAndCapacities`
    WeightsChanged { wanted: Vec<Wanted>, most_instances: u32 },
    /// `DeleteEndpoint`
    DeleteRequested,
    /// The process that had begun the effect of this epoch is gone, with all servers.
    Restarted { epoch: u64 },
    /// The effect of this epoch is complete.
    Succeeded { epoch: u64 },
    /// The effect of this epoch failed, and left everything as it was.
    Failed { epoch: u64, reason: String },
}

/// What the host is to do, for which endpoint.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Effect {
    /// Its outcome is told with this.
    pub epoch: u64,
    pub name: String,
    pub arn: String,
    pub work: Work,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Work {
    /// Start servers and move all traffic to them.
    Deploy(Vec<VariantPlan>),
    /// Start servers; traffic stays where it is.
    BringUp(Vec<VariantPlan>),
    /// Move all traffic to what was brought up.
    Shift,
    /// Change the weights of what serves.
    SetWeights(Vec<(String, f64)>),
    /// Stop all servers.
    Remove,
}

type Decision = Next<State, Effect>;

impl State {
    /// A new endpoint.
    pub fn created(name: &str, arn: &str, target: Deployment, now: i64) -> Decision {
        let state = Self {
            name: name.to_owned(),
            arn: arn.to_owned(),
            epoch: 0,
            modified: now,
            failure: None,
            served: None,
            phase: Phase::Settled,
        };
        state.deploy(target, Request::Creation)
    }

    /// What follows an event.
    ///
    /// # Errors
    /// The endpoint does not take the request now.
    pub fn step(self, event: &Event, now: i64) -> Result<Decision, ApiError> {
        match event {
            Event::Updated { target, retain } => {
                let target = retain.over(&self.changeable()?.deployment, target.clone());
                Ok(Self { modified: now, failure: None, ..self }.deploy(target, Request::Update))
            }
            Event::WeightsChanged { wanted, most_instances } => {
                let mut target = Deployment { started: now, ..self.changeable()?.deployment.clone() };
                Wanted::apply(wanted, &mut target, *most_instances)?;
                Ok(Self { modified: now, failure: None, ..self }.deploy(target, Request::Weights))
            }
            Event::DeleteRequested if self.phase != Phase::Settled => Err(self.in_progress()),
            Event::DeleteRequested => Ok(Self { modified: now, ..self }.go(Phase::Deleting, Work::Remove)),
            // The epoch is another one where this was told before.
            Event::Restarted { epoch } | Event::Succeeded { epoch } | Event::Failed { epoch, .. }
                if *epoch != self.epoch =>
            {
                Ok(Next::quiet(self))
            }
            Event::Restarted { .. } => Ok(self.restarted()),
            Event::Succeeded { .. } => Ok(self.succeeded(now)),
            Event::Failed { reason, .. } => Ok(self.failed(reason, now)),
        }
    }

    /// What was served before comes first, unless traffic may have left it already.
    fn restarted(mut self) -> Decision {
        let was_down = self.health() == Some(Health::Down);
        self.set_health(Health::Stopped);
        match (self.phase.clone(), &self.served) {
            (Phase::Deleting, _) => self.go(Phase::Deleting, Work::Remove),
            (Phase::Settled | Phase::Restoring, None) => Next::quiet(self),
            (Phase::Settled | Phase::Restoring, Some(_)) => {
                if was_down {
                    self.failure = None;
                }
                self.restore()
            }
            (Phase::Deploying { target, request, step: Step::Shift }, Some(_)) => {
                let work = Work::Deploy(target.plans());
                self.go(Phase::Deploying { target, request, step: Step::Shift }, work)
            }
            (Phase::Deploying { target, request, .. }, Some(served)) => {
                let work = Work::Deploy(served.deployment.plans());
                self.go(Phase::Deploying { target, request, step: Step::Restore }, work)
            }
            (Phase::Deploying { target, request, .. }, None) => self.deploy(target, request),
        }
    }

    fn succeeded(mut self, now: i64) -> Decision {
        match (self.phase.clone(), &self.served) {
            (Phase::Settled, _) => Next::quiet(self),
            (Phase::Deleting, _) => Next { state: None, effects: Vec::new() },
            (Phase::Restoring, _) => {
                self.set_health(Health::Up);
                self.settle()
            }
            (Phase::Deploying { target, request, step: Step::Restore }, _) => {
                self.set_health(Health::Up);
                self.deploy(target, request)
            }
            (Phase::Deploying { target, request, step: Step::BringUp }, Some(_)) => {
                self.go(Phase::Deploying { target, request, step: Step::Shift }, Work::Shift)
            }
            (Phase::Deploying { target, .. }, _) => {
                self.served = Some(Served { deployment: target, since: now, health: Health::Up });
                self.modified = now;
                self.settle()
            }
        }
    }

    fn failed(mut self, reason: &str, now: i64) -> Decision {
        match (self.phase.clone(), self.health()) {
            (Phase::Settled, _) => Next::quiet(self),
            (Phase::Deleting, _) => Next { state: None, effects: Vec::new() },
            (Phase::Deploying { target, request, step: Step::Restore }, _) => {
                self.set_health(Health::Down);
                self.deploy(target, request)
            }
            (phase, health) => {
                self.failure = Some(cut(reason).to_owned());
                self.modified = now;
                match (phase, health) {
                    // The target had its turn first: what was served before has it now.
                    (Phase::Deploying { .. }, Some(Health::Stopped)) => self.restore(),
                    (Phase::Restoring, _) => {
                        self.set_health(Health::Down);
                        self.settle()
                    }
                    _ => self.settle(),
                }
            }
        }
    }

    /// Begins to bring a target up.
    fn deploy(self, target: Deployment, request: Request) -> Decision {
        let (step, work) = match &self.served {
            Some(served)
                if request == Request::Weights
                    && served.health == Health::Up
                    && served.deployment.same_servers(&target) =>
            {
                (Step::Reweigh, Work::SetWeights(target.weights()))
            }
            Some(_) => (Step::BringUp, Work::BringUp(target.plans())),
            None => (Step::BringUp, Work::Deploy(target.plans())),
        };
        self.go(Phase::Deploying { target, request, step }, work)
    }

    /// Begins to start what was served again.
    fn restore(self) -> Decision {
        let Some(served) = &self.served else { return self.settle() };
        let work = Work::Deploy(served.deployment.plans());
        self.go(Phase::Restoring, work)
    }

    fn settle(self) -> Decision {
        Next::quiet(Self { phase: Phase::Settled, ..self })
    }

    fn go(self, phase: Phase, work: Work) -> Decision {
        let state = Self { epoch: self.epoch + 1, phase, ..self };
        let effect = Effect { epoch: state.epoch, name: state.name.clone(), arn: state.arn.clone(), work };
        Next::with(state, effect)
    }

    fn health(&self) -> Option<Health> {
        self.served.as_ref().map(|served| served.health)
    }

    fn set_health(&mut self, health: Health) {
        if let Some(served) = &mut self.served {
            served.health = health;
        }
    }
}
