//! How an execution goes on: `(state, event, now) → (state, effects)`. Pure.

use sagewright_cloud_core::api::ApiError;

use super::state::{Attempt, Done, End, Phase, Progress, State, Status, Stopping};

/// AWS's `FailureReason` of an execution.
const STEPS_FAILED: &str = "Step failure: One or multiple steps failed.";

/// Why an answer to a callback is refused.
pub(crate) const NOT_WAITING: &str = "No callback step waits for an answer with this CallbackToken.";

/// What happens to an execution.
///
/// Each may be told twice: a store may fail and have written all the same, and then no effect of the first telling began.
/// So an event that has been taken before asks for all effects that are outstanding, and effects may be asked for twice.
#[derive(Debug, Clone)]
pub enum Event {
    /// It is there.
    Created,
    /// What happened last may have been written although its writer was told otherwise.
    Repeated,
    /// Something runs for an attempt from now on.
    Began(Attempt, Done),
    /// An attempt has ended.
    Ended(Attempt, End),
    /// A caller's request with a token ends an attempt that waits for an answer.
    Answered(Attempt, End, String),
    /// It is time to try a step again.
    Due(Attempt),
    /// A caller's request with a token stops it.
    Stop(String),
    /// A caller's request with a token runs again what failed or was stopped, perhaps with another number of parallel steps.
    Retry(String, Option<u32>),
    /// A caller changes the number of parallel steps.
    Limit(u32),
    /// Another process has taken over.
    Restarted,
}

/// What is done outside the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Begins an attempt: looks up what it needs, creates what runs for it.
    Begin(Attempt),
    /// Waits for the end of what runs for an attempt.
    Watch(Attempt),
    /// Stops what runs for an attempt.
    Stop(Attempt),
    /// Ends what this process does to begin or stop an attempt: nobody waits for it any more.
    Withdraw(Attempt),
    /// Tells when a step is to be tried again.
    Sleep(Attempt, i64),
}

/// Whether an event is new, or was taken before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taken {
    Now,
    Before,
}

impl State {
    /// What an event leads to.
    ///
    /// # Errors
    /// The state does not take it.
    pub fn take(&mut self, event: &Event, now: i64) -> Result<Vec<Effect>, ApiError> {
        let mut effects = Vec::new();
        let taken = match event {
            Event::Created => Taken::Now,
            Event::Repeated => Taken::Before,
            Event::Began(attempt, done) => self.began(*attempt, done, now, &mut effects),
            Event::Ended(attempt, end) => self.ended(*attempt, end, now, &mut effects),
            Event::Answered(attempt, end, token) => self.answered(*attempt, end, token, now, &mut effects)?,
            Event::Due(attempt) => self.due(*attempt, now, &mut effects),
            Event::Stop(token) => self.stop(token, now, &mut effects)?,
            Event::Retry(token, limit) => self.retry(token, *limit)?,
            Event::Limit(limit) => {
                self.limit = Some(*limit);
                self.changed = now;
                Taken::Now
            }
            Event::Restarted => {
                effects.extend(self.outstanding(true));
                Taken::Now
            }
        };
        if taken == Taken::Before {
            effects.extend(self.outstanding(false));
        }
        self.go_on(now, &mut effects);
        Ok(effects)
    }

    /// The step of an attempt that is the current one.
    fn current(&mut self, attempt: Attempt) -> Option<&mut Progress> {
        self.steps.get_mut(attempt.step).filter(|step| step.attempt == attempt.number)
    }

    fn began(&mut self, attempt: Attempt, done: &Done, now: i64, effects: &mut Vec<Effect>) -> Taken {
        let stops = self.status == Status::Stopping;
        let is_resource = self.nodes.get(attempt.step).is_some_and(|node| node.stopping == Stopping::Resource);
        let Some(step) = self.current(attempt) else { return Taken::Now };
        match step.phase {
            Phase::Starting => {}
            Phase::Executing | Phase::Stopping => return Taken::Before,
            _ => return Taken::Now,
        }
        step.result = done.clone();
        match (is_resource, stops) {
            (true, true) => {
                step.phase = Phase::Stopping;
                effects.extend([Effect::Stop(attempt), Effect::Watch(attempt)]);
            }
            (true, false) => {
                step.phase = Phase::Executing;
                effects.push(Effect::Watch(attempt));
            }
            // Nothing has been called and nobody was asked: nothing is, once the execution stops.
            (false, true) => {
                step.phase = Phase::Stopped;
                step.ended = Some(now);
            }
            (false, false) => step.phase = Phase::Executing,
        }
        Taken::Now
    }

    fn ended(&mut self, attempt: Attempt, end: &End, now: i64, effects: &mut Vec<Effect>) -> Taken {
        let goes_on = self.status == Status::Executing && !self.failed();
        let (policies, asks) = self
            .nodes
            .get(attempt.step)
            .map_or((Vec::new(), false), |node| (node.retries.clone(), node.stopping == Stopping::Asks));
        let stopping = self.status == Status::Stopping;
        let Some(step) = self.current(attempt) else { return Taken::Now };
        if !matches!(step.phase, Phase::Starting | Phase::Executing | Phase::Stopping) {
            return Taken::Before;
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
            // Either answer lets the execution stop.
            End::Failed { reason, done, .. } if stopping && asks => {
                step.phase = Phase::Stopped;
                step.result = done.clone();
                step.reason.clone_from(reason);
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
        effects.extend(asks.then_some(Effect::Withdraw(attempt)));
        Taken::Now
    }

    fn answered(
        &mut self,
        attempt: Attempt,
        end: &End,
        token: &str,
        now: i64,
        effects: &mut Vec<Effect>,
    ) -> Result<Taken, ApiError> {
        if !self.takes_answer(attempt, token) {
            return Err(ApiError::not_found(NOT_WAITING));
        }
        match self.current(attempt) {
            Some(step) if step.answered.is_none() => {
                step.answered = Some(token.to_owned());
                Ok(self.ended(attempt, end, now, effects))
            }
            _ => Ok(Taken::Before),
        }
    }

    /// Whether an attempt waits for an answer, or was answered by the request with a token.
    pub(crate) fn takes_answer(&self, attempt: Attempt, token: &str) -> bool {
        let step = self.steps.get(attempt.step).filter(|step| step.attempt == attempt.number);
        step.is_some_and(|step| match &step.answered {
            Some(answered) => answered == token,
            None => matches!(step.phase, Phase::Executing | Phase::Stopping),
        })
    }

    fn due(&mut self, attempt: Attempt, now: i64, effects: &mut Vec<Effect>) -> Taken {
        let Some(step) = self.steps.get_mut(attempt.step) else { return Taken::Now };
        match step.phase {
            Phase::Waiting { due } if due <= now && step.attempt == attempt.number => {}
            Phase::Starting if step.attempt == attempt.number + 1 => return Taken::Before,
            _ => return Taken::Now,
        }
        step.begin();
        effects.push(Effect::Begin(Attempt { step: attempt.step, number: step.attempt }));
        Taken::Now
    }

    fn stop(&mut self, token: &str, now: i64, effects: &mut Vec<Effect>) -> Result<Taken, ApiError> {
        if self.stopped.as_deref() == Some(token) {
            return Ok(Taken::Before);
        }
        match self.status {
            Status::Executing => {}
            Status::Stopping => return Ok(Taken::Now),
            status => {
                return Err(ApiError::validation(format!(
                    "Pipeline execution is in status {} and cannot be stopped. Only pipeline executions with Executing status can be stopped.",
                    status.name()
                )));
            }
        }
        self.status = Status::Stopping;
        (self.stopped, self.retried) = (Some(token.to_owned()), None);
        self.changed = now;
        for (at, (node, step)) in self.nodes.iter().zip(&mut self.steps).enumerate() {
            let attempt = Attempt { step: at, number: step.attempt };
            match (step.phase, node.stopping) {
                (Phase::Executing, Stopping::Resource | Stopping::Asks) => {
                    step.phase = Phase::Stopping;
                    effects.push(Effect::Stop(attempt));
                }
                // Nothing was called yet.
                (Phase::Starting, Stopping::Waits | Stopping::Asks) => {
                    step.phase = Phase::Stopped;
                    step.ended = Some(now);
                    effects.push(Effect::Withdraw(attempt));
                }
                (Phase::Waiting { .. }, _) => {
                    step.phase = Phase::Stopped;
                    step.ended = Some(now);
                }
                _ => {}
            }
        }
        Ok(Taken::Now)
    }

    fn retry(&mut self, token: &str, limit: Option<u32>) -> Result<Taken, ApiError> {
        if self.retried.as_deref() == Some(token) {
            return Ok(Taken::Before);
        }
        if !matches!(self.status, Status::Failed | Status::Stopped) {
            return Err(ApiError::validation(format!(
                "Pipeline execution is in status {} and cannot be retried. Only pipeline executions with Failed or Stopped status can be retried.",
                self.status.name()
            )));
        }
        // One without steps has succeeded, as long as its state can be read.
        if self.steps.is_empty() {
            return Err(ApiError::validation(self.reason.clone().unwrap_or_default()));
        }
        self.status = Status::Executing;
        (self.retried, self.stopped) = (Some(token.to_owned()), None);
        self.reason = None;
        self.limit = limit.or(self.limit);
        for step in &mut self.steps {
            if matches!(step.phase, Phase::Failed | Phase::Stopped) {
                step.phase = Phase::Idle;
                step.retried.fill(0);
            }
        }
        Ok(Taken::Now)
    }

    /// What has to be done for the steps as they are. After a restart that is all that the last process was at: a resource is
    /// found by its name; a function is called and a message sent again.
    fn outstanding(&self, restarted: bool) -> Vec<Effect> {
        let mut effects = Vec::new();
        for (at, (node, step)) in self.nodes.iter().zip(&self.steps).enumerate() {
            let attempt = Attempt { step: at, number: step.attempt };
            match (step.phase, node.stopping) {
                (Phase::Executing, Stopping::Resource) => effects.push(Effect::Watch(attempt)),
                (Phase::Executing, Stopping::Waits | Stopping::Asks) if !restarted => {}
                (Phase::Starting | Phase::Executing, _) => effects.push(Effect::Begin(attempt)),
                (Phase::Stopping, stopping) => {
                    effects.push(Effect::Stop(attempt));
                    effects.extend((stopping == Stopping::Resource).then_some(Effect::Watch(attempt)));
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
        self.reason = (self.status == Status::Failed).then(|| STEPS_FAILED.to_owned());
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
                        step.begin();
                        step.started = Some(now);
                        step.ended = None;
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
