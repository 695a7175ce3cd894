//! What an endpoint makes of each event. All decisions are here, and nothing else.

use super::change::{Retain, Wanted};
use super::plan::Deployment;
use super::policy::Policy;
use super::rollout::Rollout;
use super::state::{Health, Phase, Request, Served, State, Step};
use sagewright_cloud_core::api::ApiError;
use sagewright_cloud_sagemaker_base::FleetPlan;
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
    /// The time has come that the state wanted to be told of; which alarms go off, of those that are watched.
    Ticked { at: i64, tripped: Vec<String> },
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
    /// Serve with these fleets, and with no others.
    Serve(Vec<FleetPlan>),
    /// Stop all servers.
    Remove,
}

pub(super) type Decision = Next<State, Effect>;

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
            mixed: None,
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
                let before = self.changeable()?;
                let target = retain.over(&before.deployment, target.clone());
                Policy::read(target.policy.as_ref()).check(&target, Some(&before.deployment))?;
                let guarded = Some(before).filter(|before| before.health == Health::Up).and_then(|before| {
                    Rollout::of(&target, &before.deployment, self.mixed.is_some(), self.epoch + 1, now)
                });
                let state = Self { modified: now, failure: None, ..self };
                Ok(match guarded {
                    Some(rollout) => state.roll_out(rollout, now),
                    None => state.deploy(target, Request::Update),
                })
            }
            Event::WeightsChanged { wanted, most_instances } => {
                let mut target = Deployment { started: now, ..self.scalable()?.deployment.clone() };
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
            Event::Ticked { at, tripped } => Ok(match self.phase.clone() {
                Phase::Guarded(rollout) => self.guarded_ticked(*rollout, *at, tripped),
                _ => Next::quiet(self),
            }),
        }
    }

    /// When the state wants to be told that time has passed, in milliseconds since 1970.
    pub fn due(&self) -> Option<i64> {
        match &self.phase {
            Phase::Guarded(rollout) => rollout.due(),
            _ => None,
        }
    }

    /// The alarms that are watched now.
    pub fn watched(&self) -> &[String] {
        match &self.phase {
            Phase::Guarded(rollout) => rollout.watched(),
            _ => &[],
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
                if was_down && self.mixed.is_none() {
                    self.failure = None;
                }
                self.restore()
            }
            (Phase::Guarded(rollout), _) => self.guarded_restarted(*rollout),
            (Phase::Deploying { target, id, request, step: Step::Shift }, Some(_)) => self.shift(target, id, request),
            (Phase::Deploying { target, id, request, .. }, Some(_)) => {
                let work = Work::Serve(self.base(1.0, None));
                self.go(Phase::Deploying { target, id, request, step: Step::Restore }, work)
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
            (Phase::Guarded(rollout), _) => self.guarded_succeeded(*rollout, now),
            (Phase::Deploying { target, request, step: Step::Restore, .. }, _) => {
                self.set_health(Health::Up);
                self.deploy(target, request)
            }
            (Phase::Deploying { target, id, request, step: Step::BringUp }, Some(_)) => self.shift(target, id, request),
            (Phase::Deploying { target, id, .. }, _) => {
                self.served = Some(Served { deployment: target, since: now, health: Health::Up, id });
                self.mixed = None;
                self.modified = now;
                self.settle()
            }
        }
    }

    fn failed(mut self, reason: &str, now: i64) -> Decision {
        match (self.phase.clone(), self.health()) {
            (Phase::Settled, _) => Next::quiet(self),
            (Phase::Deleting, _) => Next { state: None, effects: Vec::new() },
            (Phase::Guarded(rollout), _) => self.guarded_failed(*rollout, reason, now),
            (Phase::Deploying { target, request, step: Step::Restore, .. }, _) => {
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
    pub fn deploy(self, target: Deployment, request: Request) -> Decision {
        let new = self.epoch + 1;
        let (step, id, fleets) = match &self.served {
            Some(served)
                if request == Request::Weights
                    && served.health == Health::Up
                    && served.deployment.same_servers(&target) =>
            {
                (Step::Reweigh, served.id, vec![target.fleet(served.id, 1.0, None)])
            }
            Some(Served { health: Health::Up, .. }) => {
                let mut fleets = self.base(1.0, None);
                fleets.push(target.fleet(new, 0.0, None));
                (Step::BringUp, new, fleets)
            }
            // Nothing serves beside it.
            _ => (Step::BringUp, new, vec![target.fleet(new, 1.0, None)]),
        };
        self.go(Phase::Deploying { target, id, request, step }, Work::Serve(fleets))
    }

    /// Moves all traffic to a target.
    fn shift(self, target: Deployment, id: u64, request: Request) -> Decision {
        let work = Work::Serve(vec![target.fleet(id, 1.0, None)]);
        self.go(Phase::Deploying { target, id, request, step: Step::Shift }, work)
    }

    /// Begins to start what was served again.
    pub fn restore(self) -> Decision {
        if self.served.is_none() {
            return self.settle();
        }
        let work = Work::Serve(self.base(1.0, None));
        self.go(Phase::Restoring, work)
    }

    pub fn settle(self) -> Decision {
        Next::quiet(Self { phase: Phase::Settled, ..self })
    }

    pub fn go(self, phase: Phase, work: Work) -> Decision {
        let state = Self { epoch: self.epoch + 1, phase, ..self };
        let effect = Effect { epoch: state.epoch, name: state.name.clone(), arn: state.arn.clone(), work };
        Next::with(state, effect)
    }

    pub fn health(&self) -> Option<Health> {
        self.served.as_ref().map(|served| served.health)
    }

    pub fn set_health(&mut self, health: Health) {
        if let Some(served) = &mut self.served {
            served.health = health;
        }
    }
}
