//! Brings one object to where it is to be.

use std::sync::Mutex;
use std::time::Duration;

use jiff::Timestamp;
use sagewright_kinds::{Kind, Phase};
use serde_json::Value;

use super::act::{Acted, act};
use super::lookup::object_of;
use super::pace::{PATIENCE, Pace, UNSEEN, patiently, since};
use super::trail::Trail;
use crate::cloud::Stage;
use crate::conditions;
use crate::decide::{Adoption, Change, Decision, Desired, Intent, RefusalKind, Step, decide, ended_badly};
use crate::error::{Failure, Permanent};
use crate::event::{Event, Observer, What};
use crate::object::ObjectId;
use crate::observe::calls::Calls;
use crate::observe::{Found, Observed, Owners, arn_of, observe};
use crate::report::{ObjectReport, Outcome};

/// Decisions that lead to writes, for one object in one run, before something must be wrong.
const MOST_ROUNDS: usize = 12;

/// How to run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct How {
    pub wait: bool,
    pub timeout: Option<Duration>,
}

/// One object's run.
pub(crate) struct Run<'r> {
    pub calls: &'r Calls,
    pub owners: &'r Owners,
    pub observer: &'r dyn Observer,
    pub kind: &'static Kind,
    pub id: ObjectId,
    pub desired: Desired,
    pub how: How,
    pub seen: Mutex<Seen>,
}

/// What was told of the object so far.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    name: Option<String>,
    word: Option<(String, Option<String>)>,
    changes: Option<Vec<Change>>,
    /// As it was at the last look.
    found: Option<Found>,
}

impl<'r> Run<'r> {
    pub(crate) fn new(
        calls: &'r Calls,
        owners: &'r Owners,
        observer: &'r dyn Observer,
        kind: &'static Kind,
        desired: Desired,
        how: How,
    ) -> Self {
        let seen = Seen { name: desired.name(kind), ..Seen::default() };
        Self { calls, owners, observer, kind, id: desired.object.id(), desired, how, seen: Mutex::new(seen) }
    }

    fn seen<T>(&self, with: impl FnOnce(&mut Seen) -> T) -> T {
        with(&mut self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// A look got no answer, and is repeated.
    fn unanswered(&self, why: &str, after: Duration) {
        self.tell(What::Retrying { step: None, why: why.to_owned(), after });
    }

    fn tell(&self, what: What) {
        let resource = self.seen(|s| s.name.clone());
        self.observer.event(&Event { object: self.id.clone(), resource, at: self.calls.clock.now(), what });
    }

    /// Runs to the end.
    pub(crate) async fn run(mut self) -> ObjectReport {
        match self.go().await {
            Ok(report) => report,
            Err(failure) => {
                let found = self.seen(|s| s.found.take());
                let mut report = self.report(Outcome::Failed, found.as_ref(), None, failure.to_string(), None);
                let now = self.calls.clock.now();
                let all = conditions::of_failure(&conditions::read(&self.desired.object.status), &failure, now);
                conditions::write(&mut report.object.status, &all);
                report.failure = Some(failure);
                report
            }
        }
    }

    async fn go(&mut self) -> Result<ObjectReport, Failure> {
        let start = self.calls.clock.now();
        let mut trail = Trail::default();
        let mut unseen = Pace::of(self.kind);
        let mut pace = Pace::of(self.kind);
        let mut rounds = 0;
        let mut looked = false;
        while rounds < MOST_ROUNDS {
            // At first it is better to be told soon; what has begun is not given up for a short outage.
            let patience = if looked { self.patience(start) } else { Duration::ZERO };
            let mut observed = patiently(self.calls, patience, &|why, after| self.unanswered(why, after), || {
                observe(self.calls, self.kind, &self.desired, self.owners)
            })
            .await?;
            looked = true;
            match (&mut observed, trail.created) {
                (Observed::Found(found), _) => trail.own(&self.desired, found),
                (Observed::Missing { .. }, Some(at)) if self.is_early(Some(at)) => {
                    self.calls.clock.sleep(unseen.next()).await;
                    continue;
                }
                (Observed::Missing { .. }, Some(_)) => {
                    let why = "AWS took the create and does not show the resource";
                    return Err(self.permanent("see", why, "look in AWS's console"));
                }
                (Observed::Missing { .. }, None) => {}
            }
            let found = match &observed {
                Observed::Found(found) => Some(found.as_ref()),
                Observed::Missing { .. } => None,
            };
            self.status(found);
            let decision = decide(self.kind, &self.desired, &observed, self.calls.clock.now());
            self.decided(&decision);
            if let Some(found) = found {
                trail.look(found);
            }
            if let Some(refusal) = decision.refusal() {
                // The reason of an earlier failure may be shown until the update is.
                if self.is_early(trail.updated) && refusal.kind == RefusalKind::Failed {
                    self.calls.clock.sleep(unseen.next()).await;
                    continue;
                }
                let outcome = if refusal.kind == RefusalKind::Failed { Outcome::Failed } else { Outcome::Refused };
                let message = format!("{}; {}", refusal.reason, refusal.advice);
                self.tell(What::Ended { why: message.clone() });
                return Ok(self.report(outcome, found, Some(&decision), message, None));
            }
            let mut wrote = false;
            let mut hidden = false;
            for step in &decision.steps {
                if matches!(step, Step::Wait { .. }) {
                    continue;
                }
                // Reads may lag behind a write: it is not repeated, but looked for.
                if let Some(at) = trail.sent(step) {
                    if trail.was_seen_at_work(step) || !self.is_early(Some(at)) {
                        return Err(self.without_effect(step, found, &decision));
                    }
                    hidden = true;
                    continue;
                }
                let acted = match self.step(step, found).await {
                    Err(failure) if self.moved_on(step, found, &failure).await => {
                        wrote = true;
                        break;
                    }
                    acted => acted?,
                };
                let now = self.calls.clock.now();
                match acted {
                    Acted::Done(answer) => {
                        trail.took(step, found, now);
                        trail.note(outcome_of(step));
                        if matches!(step, Step::Create { .. }) {
                            self.desired.arn = arn_of(self.kind, &answer).or(self.desired.arn.take());
                        }
                    }
                    Acted::Gone => {
                        trail.took(step, found, now);
                        trail.note(outcome_of(step));
                    }
                    Acted::Exists { message, retried } => {
                        if trail.exists.is_some() && !self.is_early(trail.exists) {
                            return Err(self.permanent("create", &message, "use another name"));
                        }
                        // The answer to the first try may have been lost on its way.
                        trail.did = trail.did.or(retried.then_some(Outcome::Created));
                        hidden = trail.exists.is_some();
                        trail.exists = trail.exists.or(Some(now));
                    }
                }
                wrote = true;
            }
            if hidden {
                self.calls.clock.sleep(unseen.next()).await;
                continue;
            }
            if wrote {
                rounds += 1;
                pace = Pace::of(self.kind);
            }
            let waits = decision.steps.iter().any(|s| matches!(s, Step::Wait { .. }));
            if wrote && !waits {
                if !self.how.wait && self.desired.intent == Intent::Absent {
                    let message = "AWS was asked to; it was not waited for".to_owned();
                    return Ok(self.report(trail.did.unwrap_or(Outcome::Pending), found, None, message, None));
                }
                continue;
            }
            if waits {
                if !self.how.wait && (wrote || !self.is_held(&decision, found, &trail)) {
                    return Ok(self.report(
                        trail.did.unwrap_or(Outcome::Pending),
                        found,
                        Some(&decision),
                        String::new(),
                        None,
                    ));
                }
                if let Some(report) = self.poll(found, &decision, start, &mut pace).await? {
                    return Ok(report);
                }
                continue;
            }
            return Ok(self.end(found, &decision, trail.did));
        }
        Err(self.permanent(
            "settle",
            "it is not as declared after many tries",
            "run `sagewright plan` to see what differs",
        ))
    }

    /// Whether something that was done at this time may not be shown yet.
    fn is_early(&self, at: Option<Timestamp>) -> bool {
        at.is_some_and(|at| since(self.calls.clock.as_ref(), at) <= UNSEEN)
    }

    /// Whether what is to be sent has to wait: AWS takes no update of what is being updated. Until it is taken, a run that
    /// waits for nothing else waits too.
    fn is_held(&self, decision: &Decision, found: Option<&Found>, trail: &Trail) -> bool {
        let Some(found) = found else { return false };
        match self.desired.intent {
            // What reads still show differently after a call that was taken is on its way.
            Intent::Present => !trail.changed && (!decision.changes.is_empty() || found.phase == Phase::Deleting),
            Intent::Absent => trail.did.is_none() && !matches!(found.phase, Phase::Deleting | Phase::Stopping),
        }
    }

    /// How long an outage is borne at this point of the run.
    fn patience(&self, start: Timestamp) -> Duration {
        let left = self.how.timeout.map(|limit| limit.saturating_sub(since(self.calls.clock.as_ref(), start)));
        left.map_or(PATIENCE, |left| left.min(PATIENCE))
    }

    /// Whether a step was refused because the resource is no longer where it was: a job ends by itself.
    async fn moved_on(&self, step: &Step, found: Option<&Found>, failure: &Failure) -> bool {
        let refused = failure.cause().is_some_and(|c| c.stage == Stage::Service);
        let (Step::Update { .. } | Step::Stop { .. } | Step::Delete { .. }, Some(found), true) = (step, found, refused)
        else {
            return false;
        };
        match super::lookup::again(self.calls, self.kind, found).await {
            Ok(now) => now.is_none_or(|now| now.phase != found.phase),
            Err(_) => false,
        }
    }

    fn without_effect(&self, step: &Step, found: Option<&Found>, decision: &Decision) -> Failure {
        let reason = found.and_then(|f| f.reason.as_ref()).map(|r| format!(": {r}")).unwrap_or_default();
        let word = found.map(|f| f.word.as_str()).filter(|w| !w.is_empty());
        let is = word.map(|w| format!(" (it is {w}{reason})")).unwrap_or_default();
        match step {
            Step::Stop { .. } | Step::Delete { .. } => {
                let verb = if matches!(step, Step::Stop { .. }) { "stop" } else { "delete" };
                self.permanent(
                    verb,
                    &format!("AWS took the {verb} and still shows the resource{is}"),
                    "try again later",
                )
            }
            _ if !reason.is_empty() => {
                let why = format!("AWS took the update and did not carry it out{reason}");
                self.permanent("update", &why, "apply again, or go back to what runs")
            }
            _ => {
                let fields: Vec<_> = decision.changes.iter().map(|c| c.path.as_str()).collect();
                let why = format!("AWS took the update and still shows another value of {}{is}", fields.join(", "));
                self.permanent("update", &why, "declare the value that AWS shows, or leave the field out")
            }
        }
    }

    async fn step(&self, step: &Step, found: Option<&Found>) -> Result<Acted, Failure> {
        self.tell(What::Started(step.clone()));
        let name = self.seen(|s| s.name.clone()).unwrap_or_else(|| self.id.name.clone());
        let retrying = |why: &str, after: Duration| {
            self.tell(What::Retrying { step: Some(step.clone()), why: why.to_owned(), after });
        };
        match act(self.calls, self.kind, &name, step, found, &retrying).await {
            Ok(acted) => {
                self.tell(What::Done(step.clone()));
                Ok(acted)
            }
            Err(failure) => {
                self.tell(What::Failed { step: step.clone(), why: failure.to_string() });
                Err(failure)
            }
        }
    }

    /// Looks until the status is another one. Gives a report when the time is over.
    async fn poll(
        &self,
        found: Option<&Found>,
        decision: &Decision,
        start: Timestamp,
        pace: &mut Pace,
    ) -> Result<Option<ObjectReport>, Failure> {
        let Some(found) = found else { return Ok(None) };
        let reason =
            decision.steps.iter().find_map(|s| if let Step::Wait { reason, .. } = s { Some(reason) } else { None });
        let mut first = true;
        loop {
            let mut after = pace.next();
            if first {
                self.tell(What::Waiting { reason: reason.cloned().unwrap_or_default(), after });
                first = false;
            }
            if let Some(limit) = self.how.timeout {
                let left = limit.saturating_sub(since(self.calls.clock.as_ref(), start));
                if left.is_zero() {
                    let message = format!("it is still in {} status after {} s", found.word, limit.as_secs());
                    let failure = self.permanent("wait for", &message, "wait longer, or look at its logs");
                    return Ok(Some(self.report(
                        Outcome::TimedOut,
                        Some(found),
                        Some(decision),
                        failure.to_string(),
                        Some(failure),
                    )));
                }
                after = after.min(left);
            }
            self.calls.clock.sleep(after).await;
            let look = || super::lookup::again(self.calls, self.kind, found);
            let now =
                patiently(self.calls, self.patience(start), &|why, after| self.unanswered(why, after), look).await?;
            self.status(now.as_ref());
            match now {
                None => return Ok(None),
                Some(now) if now.word != found.word || now.phase.is_final() => return Ok(None),
                Some(_) => {}
            }
        }
    }

    fn end(&self, found: Option<&Found>, decision: &Decision, did: Option<Outcome>) -> ObjectReport {
        let notes = decision.notes.join("; ");
        if self.desired.intent == Intent::Absent {
            if found.is_none() {
                self.tell(What::Gone);
            }
            let outcome = did.unwrap_or(if found.is_some() { Outcome::Retained } else { Outcome::Unchanged });
            let message = if did.is_none() && found.is_none() { "there is no such resource".to_owned() } else { notes };
            return self.report(outcome, found, Some(decision), message, None);
        }
        let Some(found) = found else {
            return self.report(Outcome::Unchanged, None, Some(decision), notes, None);
        };
        if let Some(message) = ended_badly(self.kind, &self.desired, found) {
            self.tell(What::Ended { why: message.clone() });
            return self.report(Outcome::Failed, Some(found), Some(decision), message, None);
        }
        self.tell(What::Settled);
        let message = if found.phase == Phase::Stopped {
            format!("{} is in {} status", self.kind.name(), found.word)
        } else {
            notes
        };
        self.report(did.unwrap_or(Outcome::Unchanged), Some(found), Some(decision), message, None)
    }

    fn status(&self, found: Option<&Found>) {
        let Some(found) = found else { return };
        let now = (found.word.clone(), found.secondary.clone());
        let before = self.seen(|seen| {
            seen.name = Some(found.name.clone());
            seen.found = Some(found.clone());
            let before = seen.word.replace(now.clone());
            (before.as_ref() != Some(&now) && !now.0.is_empty()).then_some(before)
        });
        if let Some(before) = before {
            let from = before.map(|(word, _)| word).unwrap_or_default();
            self.tell(What::Status { from, to: now.0, secondary: now.1, reason: found.reason.clone() });
        }
    }

    fn decided(&self, decision: &Decision) {
        let first = self.seen(|seen| {
            let first = seen.changes.is_none();
            if first {
                seen.changes = Some(decision.changes.clone());
            }
            first
        });
        if first {
            self.tell(What::Decided { changes: decision.changes.clone(), steps: decision.steps.clone() });
        }
    }

    fn permanent(&self, verb: &str, why: &str, advice: &str) -> Failure {
        let name = self.seen(|s| s.name.clone()).unwrap_or_else(|| self.id.name.clone());
        Failure::Permanent(Permanent {
            what: format!("{verb} the {} `{name}`", self.kind.words()),
            why: why.to_owned(),
            advice: advice.to_owned(),
            cause: None,
        })
    }

    fn report(
        &self,
        outcome: Outcome,
        found: Option<&Found>,
        decision: Option<&Decision>,
        message: String,
        failure: Option<Failure>,
    ) -> ObjectReport {
        let mut object = self.desired.object.clone();
        if let Some(found) = found {
            // References and what AWS chose are told by what is there, under the object's own name.
            let seen = object_of(self.kind, found);
            object.spec = seen.spec;
            object.status = seen.status;
        } else if self.desired.intent == Intent::Absent && outcome.is_ok() {
            object.status = Value::Object(serde_json::Map::new());
        }
        if let Some(decision) = decision {
            conditions::write(&mut object.status, &decision.conditions);
        }
        let (resource, changes) = self.seen(|s| (s.name.clone(), s.changes.clone().unwrap_or_default()));
        ObjectReport { object, resource, outcome, changes, message, failure }
    }
}

fn outcome_of(step: &Step) -> Outcome {
    match step {
        Step::Create { .. } => Outcome::Created,
        Step::Update { .. } | Step::SyncTags { .. } => Outcome::Updated,
        Step::Adopt { .. } => Outcome::Adopted,
        Step::Stop { .. } => Outcome::Stopped,
        Step::Delete { .. } => Outcome::Deleted,
        Step::Wait { .. } => Outcome::Pending,
        Step::Refuse(_) => Outcome::Refused,
    }
}

/// How a set's adoption setting changes one object's.
pub(crate) fn adopting(mut desired: Desired, adopt: bool) -> Desired {
    if adopt && desired.adoption == Adoption::No {
        desired.adoption = Adoption::AdoptOrCreate;
    }
    desired
}
