//! What an update under guardrails makes of each event.

use super::{Back, Layout, Mixed, Rollout, Step};
use crate::endpoint::state::{Health, Phase, Request, Served, State};
use crate::endpoint::step::{Decision, Work};
use sagewright_cloud_sagemaker_base::FleetPlan;
use sagewright_cloud_sagemaker_base::machine::Next;
use sagewright_cloud_sagemaker_base::resource::cut;

/// How often the alarms are looked at while they are watched, in milliseconds.
const INTERVAL: i64 = 10_000;

impl Rollout {
    /// How long the step waits; `None` of one that does something.
    fn pause(&self) -> Option<i64> {
        match self.step {
            Step::Bake => Some(self.wait),
            Step::Linger => Some(self.linger),
            Step::Launch | Step::Move | Step::Retire => None,
        }
    }

    /// How long the step still waits; `None` where it does not, or not now.
    fn waits(&self) -> Option<i64> {
        self.pause().filter(|_| !self.restoring && self.back.is_none())
    }

    /// The alarms that are watched now.
    pub fn watched(&self) -> &[String] {
        if self.waits().is_some() { &self.alarms } else { &[] }
    }

    /// When it wants to be told that time has passed.
    pub fn due(&self) -> Option<i64> {
        if self.back.is_some() || self.step == Step::Retire {
            return None;
        }
        let next = self.waits().map(|pause| match (self.alarms.is_empty(), self.looked) {
            (true, _) => self.since + pause,
            // An alarm that goes off already ends it at once.
            (false, None) => self.since,
            (false, Some(looked)) => (self.since + pause).min(looked + INTERVAL),
        });
        [next, self.deadline].into_iter().flatten().min()
    }

    fn is_late(&self, now: i64) -> bool {
        self.back.is_none() && self.step != Step::Retire && self.deadline.is_some_and(|deadline| now >= deadline)
    }

    /// The step that follows; `false` after the last one.
    fn advance(&mut self, now: i64) -> bool {
        let rolls = self.current().left.is_some();
        self.step = match self.step {
            Step::Launch => Step::Move,
            Step::Move => Step::Bake,
            Step::Bake if self.is_last() && self.linger > 0 => Step::Linger,
            Step::Bake if rolls => Step::Retire,
            Step::Linger => Step::Retire,
            Step::Retire if self.is_last() => return false,
            Step::Retire => {
                self.stage += 1;
                Step::Launch
            }
            // The fleet runs as a whole already.
            Step::Bake => {
                self.stage += 1;
                Step::Move
            }
        };
        self.since = now;
        // One wait after another: the last look at the alarms is the first.
        self.looked = (self.step == Step::Linger).then_some(now);
        true
    }
}

impl State {
    /// Begins an update under guardrails.
    pub fn roll_out(self, rollout: Rollout, now: i64) -> Decision {
        self.take_step(rollout, now)
    }

    /// The fleets of an update.
    fn fleets(&self, rollout: &Rollout, layout: Layout) -> Vec<FleetPlan> {
        let mut fleets = Vec::new();
        if layout.old != Some(0) {
            fleets.extend(self.base(1.0 - layout.share, layout.old));
        }
        if layout.new != Some(0) {
            fleets.push(rollout.target.fleet(rollout.id, layout.share, layout.new));
        }
        fleets
    }

    fn make(self, rollout: Rollout, layout: Layout) -> Decision {
        let work = Work::Serve(self.fleets(&rollout, layout));
        self.go(Phase::Guarded(Box::new(rollout)), work)
    }

    /// Begins the step that the update is at.
    fn take_step(self, rollout: Rollout, now: i64) -> Decision {
        if rollout.is_late(now) {
            return self.time_out(rollout, now);
        }
        match rollout.pause() {
            None => {
                let wanted = rollout.wanted();
                self.make(rollout, wanted)
            }
            Some(0) if rollout.alarms.is_empty() => self.next_step(rollout, now),
            Some(_) => self.rest(rollout),
        }
    }

    fn next_step(self, mut rollout: Rollout, now: i64) -> Decision {
        if rollout.advance(now) { self.take_step(rollout, now) } else { self.complete(rollout, now) }
    }

    fn rest(self, rollout: Rollout) -> Decision {
        Next::quiet(Self { phase: Phase::Guarded(Box::new(rollout)), ..self })
    }

    fn complete(self, rollout: Rollout, now: i64) -> Decision {
        let Rollout { target, id, .. } = rollout;
        let served = Served { deployment: target, since: now, health: Health::Up, id };
        Self { served: Some(served), mixed: None, modified: now, ..self }.settle()
    }

    /// A time has come, at which these alarms go off.
    pub fn guarded_ticked(self, mut rollout: Rollout, at: i64, tripped: &[String]) -> Decision {
        if rollout.due().is_none_or(|due| at < due) {
            return self.rest(rollout);
        }
        match rollout.waits() {
            _ if rollout.is_late(at) => self.time_out(rollout, at),
            Some(_) if !tripped.is_empty() => {
                let reason = format!("One or more configured alarm(s) in ALARM state: [{}].", tripped.join(", "));
                self.roll_back(rollout, &reason, at)
            }
            Some(pause) if at >= rollout.since + pause => self.next_step(rollout, at),
            _ => {
                rollout.looked = Some(at);
                self.rest(rollout)
            }
        }
    }

    pub fn guarded_succeeded(mut self, mut rollout: Rollout, now: i64) -> Decision {
        self.set_health(Health::Up);
        if let Some(back) = &mut rollout.back {
            if back.is_last() {
                return self.rolled_back(rollout, now);
            }
            back.at += 1;
            let wanted = back.wanted();
            return self.make(rollout, wanted);
        }
        match (std::mem::take(&mut rollout.restoring), rollout.step) {
            (true, Step::Launch | Step::Bake | Step::Linger) => self.take_step(rollout, now),
            _ => self.next_step(rollout, now),
        }
    }

    pub fn guarded_failed(mut self, rollout: Rollout, reason: &str, now: i64) -> Decision {
        if let Some(back) = &rollout.back {
            let reason = format!("{} (The rollback failed: {reason})", back.reason);
            return self.stay_mixed(rollout, &reason, now);
        }
        match (rollout.restoring, rollout.step, rollout.stage) {
            // What was served before cannot be had back: the target has its turn, as after a restart of any other update.
            (true, Step::Launch, 0) => {
                self.set_health(Health::Down);
                self.deploy(rollout.target, Request::Update)
            }
            // No traffic has moved.
            (false, Step::Launch, 0) => {
                let state = Self { failure: Some(cut(reason).to_owned()), modified: now, ..self };
                state.keep_policy(&rollout).settle()
            }
            _ => self.roll_back(rollout, reason, now),
        }
    }

    /// Both fleets are started again as they stood, and the step goes on.
    pub fn guarded_restarted(self, mut rollout: Rollout) -> Decision {
        let layout = match &rollout.back {
            Some(back) => back.wanted(),
            None => {
                rollout.restoring = true;
                rollout.reached()
            }
        };
        self.make(rollout, layout)
    }

    fn time_out(self, rollout: Rollout, now: i64) -> Decision {
        let reason = "The deployment did not complete within MaximumExecutionTimeoutInSeconds.";
        self.roll_back(rollout, reason, now)
    }

    fn roll_back(self, mut rollout: Rollout, reason: &str, now: i64) -> Decision {
        let Some(served) = &self.served else { return self.settle() };
        let back = Back::of(reason.to_owned(), rollout.reached(), &served.deployment, rollout.batch);
        let wanted = back.wanted();
        (rollout.since, rollout.restoring) = (now, false);
        rollout.back = Some(back);
        self.make(rollout, wanted)
    }

    fn rolled_back(self, rollout: Rollout, now: i64) -> Decision {
        let reason = rollout.back.as_ref().map(|back| cut(&back.reason).to_owned());
        Self { failure: reason, modified: now, ..self }.keep_policy(&rollout).settle()
    }

    /// The rollback has failed: what serves goes on serving.
    fn stay_mixed(mut self, rollout: Rollout, reason: &str, now: i64) -> Decision {
        let layout = rollout.reached();
        self.failure = Some(cut(reason).to_owned());
        self.modified = now;
        let mut state = self.keep_policy(&rollout);
        if state.mixed.is_none() && layout.new != Some(0) {
            state.mixed = Some(Box::new(Mixed { deployment: rollout.target, id: rollout.id, layout }));
        }
        match state.health() {
            Some(Health::Stopped) => state.restore(),
            _ => state.settle(),
        }
    }

    /// The policy of an update counts as the last one, whatever came of the update.
    fn keep_policy(mut self, rollout: &Rollout) -> Self {
        if let Some(served) = &mut self.served {
            served.deployment.policy.clone_from(&rollout.target.policy);
        }
        self
    }
}
