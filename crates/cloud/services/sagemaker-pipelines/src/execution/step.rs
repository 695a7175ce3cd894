//! How an execution goes on: `(state, event, now) → (state, effects)`. Pure.

use sagewright_cloud_core::api::ApiError;

use super::state::{Attempt, Done, End, Halt, Phase, State, Status};

/// AWS's `FailureReason` of an execution.
const FAILED: &str = "Step failure: One or multiple steps failed.";

/// What happens to an execution. Each may be told twice.
#[derive(Debug, Clone)]
pub enum Event {
    /// It is there.
    Created,
    /// Something runs for an attempt from now on.
    Began(Attempt, Done),
    /// An attempt has ended.
    Ended(Attempt, End),
    /// It is time to try a step again.
    Due(Attempt),
    /// A caller stops it.
    Stop,
    /// A caller runs again what failed or was stopped, perhaps with another number of parallel steps.
    Again(Option<u32>),
    /// A caller changes the number of parallel steps.
    Limit(u32),
    /// Another process has taken over.
    Restarted,
}

/// What is done outside the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Begins an attempt: looks up what it needs, creates what runs for it.
    Begin(Attempt),
    /// Waits for the end of what runs for an attempt.
    Watch(Attempt),
    /// Stops what runs for an attempt.
    Stop(Attempt),
    /// Tells when a step is to be tried again.
    Sleep(Attempt, i64),
}

impl State {
    /// What an event leads to.
    ///
    /// # Errors
    /// The state does not take it.
    pub fn take(&mut self, event: &Event, now: i64) -> Result<Vec<Effect>, ApiError> {
        let mut effects = Vec::new();
        match event {
            Event::Created => {}
            Event::Began(attempt, done) => self.began(*attempt, done, &mut effects),
            Event::Ended(attempt, end) => self.ended(*attempt, end, now, &mut effects),
            Event::Due(attempt) => self.due(*attempt, now, &mut effects),
            Event::Stop => self.stop(now, &mut effects)?,
            Event::Again(limit) => self.again(*limit)?,
            Event::Limit(limit) => {
                self.limit = Some(*limit);
                self.changed = now;
            }
            Event::Restarted => effects.extend(self.again_after_restart()),
        }
        self.go_on(now, &mut effects);
        Ok(effects)
    }

    /// The step of an attempt that is the current one.
    fn current(&mut self, attempt: Attempt) -> Option<&mut super::state::Progress> {
        self.steps.get_mut(attempt.step).filter(|step| step.attempt == attempt.number)
    }

    fn began(&mut self, attempt: Attempt, done: &Done, effects: &mut Vec<Effect>) {
        let (stopping, halt) = (self.status == Status::Stopping, self.nodes.get(attempt.step).map(|node| node.halt));
        let Some(step) = self.current(attempt).filter(|step| matches!(step.phase, Phase::Starting | Phase::Stopping))
        else {
            return;
        };
        step.result = done.clone();
        let stops = (stopping || step.phase == Phase::Stopping) && halt != Some(Halt::Waits);
        step.phase = if stops { Phase::Stopping } else { Phase::Executing };
        if stops {
            effects.push(Effect::Stop(attempt));
        }
        if halt == Some(Halt::Told) {
            effects.push(Effect::Watch(attempt));
        }
    }

    fn ended(&mut self, attempt: Attempt, end: &End, now: i64, effects: &mut Vec<Effect>) {
        let goes_on = self.status == Status::Executing && !self.failed();
        let policies = self.nodes.get(attempt.step).map(|node| node.retries.clone()).unwrap_or_default();
        let stopping = self.status == Status::Stopping;
        let Some(step) = self.current(attempt) else { return };
        if !matches!(step.phase, Phase::Starting | Phase::Executing | Phase::Stopping) {
            return;
        }
        match end {
            End::Succeeded(done) => {
                step.phase = Phase::Succeeded;
                step.result = done.clone();
            }
            End::Stopped if stopping => step.phase = Phase::Stopped,
            End::Stopped => {
                step.phase = Phase::Failed;
                let what = step.result.arn.as_deref().unwrap_or("what ran for the step");
                step.reason = Some(format!("ClientError: {what} was stopped, and not by the pipeline execution."));
            }
            End::Failed { exception, reason, done } => {
                let policy = policies.iter().position(|policy| policy.exceptions.contains(exception));
                let due = policy.filter(|_| goes_on).and_then(|at| {
                    let retried = step.retried.get_mut(at)?;
                    let due = policies.get(at)?.next(*retried, step.started.unwrap_or(now), now)?;
                    *retried += 1;
                    Some(due)
                });
                step.result = done.clone();
                step.reason.clone_from(reason);
                step.phase = due.map_or(Phase::Failed, |due| Phase::Waiting { due });
                effects.extend(due.map(|due| Effect::Sleep(attempt, due)));
            }
        }
        step.ended = (!step.phase.busy()).then_some(now);
        self.changed = now;
    }

    fn due(&mut self, attempt: Attempt, now: i64, effects: &mut Vec<Effect>) {
        let Some(step) =
            self.current(attempt).filter(|step| matches!(step.phase, Phase::Waiting { due } if due <= now))
        else {
            return;
        };
        step.phase = Phase::Starting;
        step.attempt += 1;
        step.reason = None;
        step.result = Done::default();
        effects.push(Effect::Begin(Attempt { step: attempt.step, number: step.attempt }));
    }

    fn stop(&mut self, now: i64, effects: &mut Vec<Effect>) -> Result<(), ApiError> {
        if self.status != Status::Executing {
            return Err(ApiError::validation(format!(
                "Pipeline execution is in status {} and cannot be stopped. Only pipeline executions with Executing status can be stopped.",
                self.status.name()
            )));
        }
        self.status = Status::Stopping;
        self.changed = now;
        for (at, (node, step)) in self.nodes.iter().zip(&mut self.steps).enumerate() {
            match (step.phase, node.halt) {
                (Phase::Executing, Halt::Told | Halt::Asks) => {
                    step.phase = Phase::Stopping;
                    effects.push(Effect::Stop(Attempt { step: at, number: step.attempt }));
                }
                (Phase::Waiting { .. }, _) => {
                    step.phase = Phase::Stopped;
                    step.ended = Some(now);
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn again(&mut self, limit: Option<u32>) -> Result<(), ApiError> {
        if !matches!(self.status, Status::Failed | Status::Stopped) {
            return Err(ApiError::validation(format!(
                "Pipeline execution is in status {} and cannot be retried. Only pipeline executions with Failed or Stopped status can be retried.",
                self.status.name()
            )));
        }
        self.status = Status::Executing;
        self.reason = None;
        self.limit = limit.or(self.limit);
        for step in &mut self.steps {
            if matches!(step.phase, Phase::Failed | Phase::Stopped) {
                step.phase = Phase::Idle;
                step.retried.fill(0);
            }
        }
        Ok(())
    }

    /// What the last process was at: a resource is found by its name; a function is called and a message sent again.
    fn again_after_restart(&self) -> Vec<Effect> {
        let mut effects = Vec::new();
        for (at, (node, step)) in self.nodes.iter().zip(&self.steps).enumerate() {
            let attempt = Attempt { step: at, number: step.attempt };
            match (step.phase, node.halt) {
                (Phase::Starting, _) | (Phase::Executing, Halt::Waits | Halt::Asks) => {
                    effects.push(Effect::Begin(attempt))
                }
                (Phase::Executing, Halt::Told) => effects.push(Effect::Watch(attempt)),
                (Phase::Stopping, halt) => {
                    effects.push(Effect::Stop(attempt));
                    effects.extend((halt == Halt::Told).then_some(Effect::Watch(attempt)));
                }
                (Phase::Waiting { due }, _) => effects.push(Effect::Sleep(attempt, due)),
                _ => {}
            }
        }
        effects
    }

    fn failed(&self) -> bool {
        self.steps.iter().any(|step| step.phase == Phase::Failed)
    }

    /// Skips and starts what can be, and ends the execution where nothing is left.
    fn go_on(&mut self, now: i64, effects: &mut Vec<Effect>) {
        if self.status.ended() {
            return;
        }
        let goes_on = self.status == Status::Executing && !self.failed();
        if goes_on {
            self.start(now, effects);
        } else {
            self.give_up(now, effects);
        }
        if self.steps.iter().any(|step| step.phase.busy()) {
            return;
        }
        let any = |phase| self.steps.iter().any(|step| step.phase == phase);
        self.status = match self.status {
            _ if any(Phase::Failed) => Status::Failed,
            Status::Stopping => Status::Stopped,
            _ if any(Phase::Stopped) => Status::Stopped,
            _ => Status::Succeeded,
        };
        self.reason = (self.status == Status::Failed).then(|| FAILED.to_owned());
        self.changed = now;
    }

    /// What waits to be tried again is not, once another step has failed.
    fn give_up(&mut self, now: i64, effects: &mut Vec<Effect>) {
        for step in &mut self.steps {
            if matches!(step.phase, Phase::Waiting { .. }) {
                step.phase = Phase::Failed;
                step.ended = Some(now);
            }
        }
        effects.retain(|effect| !matches!(effect, Effect::Sleep(..)));
    }

    fn start(&mut self, now: i64, effects: &mut Vec<Effect>) {
        let limit = self.limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
        let mut busy = self.steps.iter().filter(|step| step.phase.busy()).count();
        // A step comes after what it needs in no certain order: what is skipped may skip others before it.
        loop {
            let mut skipped = false;
            for at in 0..self.steps.len() {
                if self.steps.get(at).is_none_or(|step| step.phase != Phase::Idle) {
                    continue;
                }
                let next = self.next(at);
                let Some(step) = self.steps.get_mut(at) else { continue };
                match next {
                    Next::Skip => {
                        step.phase = Phase::Skipped;
                        skipped = true;
                    }
                    Next::Start if busy < limit => {
                        busy += 1;
                        step.phase = Phase::Starting;
                        step.attempt += 1;
                        step.started = Some(now);
                        step.ended = None;
                        step.reason = None;
                        step.result = Done::default();
                        effects.push(Effect::Begin(Attempt { step: at, number: step.attempt }));
                        self.changed = now;
                    }
                    Next::Start | Next::Wait => {}
                }
            }
            if !skipped {
                return;
            }
        }
    }

    fn next(&self, at: usize) -> Next {
        let Some(node) = self.nodes.get(at) else { return Next::Wait };
        let phase = |at: usize| self.steps.get(at).map_or(Phase::Skipped, |step| step.phase);
        if node.needs.iter().any(|need| phase(*need) == Phase::Skipped) {
            return Next::Skip;
        }
        if let Some(branch) = node.branch
            && phase(branch.of) == Phase::Succeeded
            && self.steps.get(branch.of).and_then(|step| step.result.outcome) != Some(branch.when)
        {
            return Next::Skip;
        }
        if node.needs.iter().all(|need| phase(*need) == Phase::Succeeded) { Next::Start } else { Next::Wait }
    }
}

enum Next {
    Skip,
    Start,
    Wait,
}
