//! One look at one object, in phases: resolve, look, decide, act, report.

mod log;
mod parts;
mod resolve;
mod result;

use std::borrow::Cow;
use std::time::Duration;

use jiff::Timestamp;
use sagewright_decide::error::{Failure, Permanent};
use sagewright_decide::observed::{Found, Observed};
use sagewright_decide::{
    Claim, Decision, Desired, Intent, Refusal, RefusalKind, Step, claim, conditions, decide, failure_message, inputs,
    quirks,
};
use sagewright_kinds::row::DeleteHow;
use sagewright_kinds::{Kind, Path, Phase, get};
use sagewright_objects::object::ObjectId;
use sagewright_port::cloud::{Class, CloudError, Stage};
use serde_json::{Map, Value};

use super::list_observation::as_answered;
use super::memory::Exists;
use super::{Acted, ListObservation, Memory, Progress, Reconciled, ReferenceResolver, act, role};
use crate::engine::{lookup, otherwise};
use crate::event::{Event, EventKind};
use crate::observe::calls::{Calls, is, is_unsupported};
use crate::observe::{Owners, Serving, complete_found, glance, observe};
use crate::report::{NO_RESOURCE, Outcome};

pub(crate) use resolve::{resolve, unresolved};

/// Decisions that lead to writes before the object is settled; more mean that AWS never shows what was sent.
const MOST_ROUNDS: u16 = 12;
/// Pause before the look that shows what a write came to.
const AFTER_A_WRITE: Duration = Duration::from_secs(1);
/// Pause while reads do not show a write yet.
const WHILE_UNSEEN: Duration = Duration::from_secs(2);

/// One look at one object.
pub(crate) struct Pass<'p> {
    calls: &'p Calls,
    owners: &'p Owners,
    resolver: &'p dyn ReferenceResolver,
    kind: Option<&'static Kind>,
    id: ObjectId,
    desired: Cow<'p, Desired>,
    memory: &'p mut Memory,
    emit: &'p (dyn Fn(Event) + Send + Sync),
    resource: Option<String>,
    /// What may be decided, while nothing was written.
    expected: Option<&'p Decision>,
    /// The process, where it keeps the memory before a create is sent that must not be sent twice.
    announces: Option<u16>,
    /// What the last listing shows.
    listed: Option<&'p ListObservation>,
    /// What is served by something is not deleted.
    serving: Option<&'p Serving>,
    /// The resource as the answer to its create says, and the decision about that, where nothing is left to look for.
    made: Option<(Found, Decision)>,
    /// The last lines of the log of what has failed.
    log_end: Option<String>,
}

/// How a pass ended.
struct End {
    progress: Progress,
    outcome: Option<Outcome>,
    message: String,
    requeue: Option<Duration>,
}

impl End {
    fn new(progress: Progress) -> Self {
        Self { progress, outcome: None, message: String::new(), requeue: None }
    }
}

/// A call that failed, and the step that it was for.
type Failed = (Option<Step>, Failure);

impl<'p> Pass<'p> {
    pub(crate) fn new(
        calls: &'p Calls,
        owners: &'p Owners,
        resolver: &'p dyn ReferenceResolver,
        desired: &'p Desired,
        memory: &'p mut Memory,
        emit: &'p (dyn Fn(Event) + Send + Sync),
    ) -> Self {
        let kind = desired.object.row();
        let resource = kind.and_then(|kind| desired.name(kind));
        let desired = Cow::Borrowed(desired);
        Self {
            calls,
            owners,
            resolver,
            kind,
            id: desired.object.id(),
            desired,
            memory,
            emit,
            resource,
            expected: None,
            announces: None,
            listed: None,
            serving: None,
            made: None,
            log_end: None,
        }
    }

    /// The caller keeps the memory where it outlives the process.
    pub(crate) fn announcing(self, process: u16) -> Self {
        Self { announces: Some(process), ..self }
    }

    /// The first decision has to be this one.
    pub(crate) fn expecting(self, expected: Option<&'p Decision>) -> Self {
        Self { expected, ..self }
    }

    /// With what the last listing shows of the resource.
    pub(crate) fn with_listing(self, listed: Option<&'p ListObservation>) -> Self {
        Self { listed, ..self }
    }

    /// What something serves is not deleted. A set goes by its own rules.
    pub(crate) fn sparing(self, serving: &'p Serving) -> Self {
        Self { serving: Some(serving), ..self }
    }

    pub(crate) async fn run(mut self) -> Reconciled {
        let Some(kind) = self.kind else {
            let why = "there is no such kind".to_owned();
            let what = format!("reconcile {}", self.id);
            let failure = Failure::Permanent(Permanent::new(what, why, "correct apiVersion and kind"));
            return Reconciled { requeue: None, ..self.failed(None, (None, failure)) };
        };
        match self.resolve(kind).await {
            Ok(()) => self.run_resolved(kind).await,
            Err(failure) => self.blocked(failure),
        }
    }

    /// The same, with references that have their values.
    pub(crate) async fn run_resolved(mut self, kind: &Kind) -> Reconciled {
        let observed = match self.look(kind).await {
            Ok(Look::Same(found)) => return self.still_waiting(kind, &found),
            // What can still be read although it is gone is as good as missing.
            Ok(Look::Whole(Observed::Found(found))) if found.phase == Phase::Gone => Observed::MISSING,
            Ok(Look::Whole(observed)) => observed,
            // An object that is to go would wait for ever for what cannot be there.
            Err(failure) if self.desired.intent == Intent::Absent && is_unsupported(&failure) => Observed::MISSING,
            Err(failure) => return self.failed(None, (None, failure)),
        };
        let found = observed.found();
        let now = self.calls.clock.now();
        if found.is_none() && self.memory.has_lost(self.desired.intent, now) {
            self.memory.settled();
        }
        if found.is_none() && self.memory.has_created() {
            if self.memory.create_may_be_unseen(now) {
                return self.reconciled(None, &Decision::default(), self.unseen());
            }
            let why = "AWS took the create and does not show the resource".to_owned();
            let failure = self.permanent(kind, "see", why, "look in AWS's console");
            return self.failed(None, (None, failure));
        }
        self.emit_status(found);
        if let Some(attempt) = self.memory.attempt() {
            self.desired.to_mut().attempt = Some(attempt);
        }
        let mut decision = self.as_planned(kind, decide(kind, &self.desired, &observed, now));
        self.emit(EventKind::Decided {
            changes: decision.changes.clone(),
            steps: decision.steps.clone(),
            notes: decision.notes.clone(),
        });
        let mut outcome = None;
        if let Some(found) = found {
            // Its mark may show later than it does.
            let is_unmarked = decision.refusal().is_some_and(|refusal| refusal.kind == RefusalKind::NotOwned);
            if is_unmarked && self.memory.mark_may_be_unseen(now) {
                let conditions = conditions::read(&self.desired.object.status);
                return self.reconciled(None, &Decision { conditions, ..Decision::default() }, self.unseen());
            }
            self.memory.looked(found);
        }
        if let Some(found) = found {
            self.read_log(kind, found, &mut decision).await;
            self.look_at_parts(kind, found, &mut decision).await;
        }
        if let Some(refusal) = decision.refusal() {
            let end = self.refused(refusal);
            return self.reconciled(found, &decision, end);
        }
        // A create whose answer was lost made the resource after all.
        if let Some(found) = found
            && matches!(claim(kind, &self.desired, found), Claim::Ours { .. })
            && let Some(at) = self.memory.appeared()
        {
            outcome = Some(Outcome::Created);
            let input = inputs::create(kind, &self.desired, &at.to_string());
            let step = Step::Create { operation: kind.row().operations.create.clone(), input };
            self.emit(EventKind::Done { step });
        }
        match self.act(kind, &decision, found, now).await {
            Ok(mut end) => {
                self.memory.answered();
                if matches!(end.outcome, None | Some(Outcome::Unchanged)) {
                    end.outcome = outcome.or(end.outcome);
                }
                match self.made.take() {
                    Some((made, after)) => {
                        self.reconciled(Some(&made), &Decision { changes: decision.changes, ..after }, end)
                    }
                    None => self.reconciled(found, &decision, end),
                }
            }
            Err(failed) => self.failed(found, failed),
        }
    }

    async fn resolve(&mut self, kind: &Kind) -> Result<(), Failure> {
        if !self.desired.pending.is_empty() {
            resolve(kind, self.desired.to_mut(), self.resolver).await?;
            self.resource = self.desired.name(kind).or(self.resource.take());
        }
        Ok(())
    }

    /// The decision, or a refusal where it is not the planned one.
    fn as_planned(&self, kind: &Kind, decision: Decision) -> Decision {
        let nothing_sent = !self.memory.has_written() && self.memory.attempt().is_none();
        // Where the create was refused because something is there, that is this object's or as planned, or it is not changed.
        let refused = self.memory.was_there() && decision.writes();
        let expected = self.expected.filter(|_| nothing_sent || refused);
        match expected.and_then(|planned| otherwise(kind, &self.desired.object, planned, &decision)) {
            Some(why) => {
                let conditions = decision.conditions;
                let deletes = self.desired.intent == Intent::Absent;
                let advice = if deletes { "run the delete again to see the current plan" } else { "make a new plan" };
                Decision { conditions, ..Decision::refuse(RefusalKind::PlanChanged, why, advice) }
            }
            None => decision,
        }
    }

    async fn look(&mut self, kind: &Kind) -> Result<Look, Failure> {
        // What is at work is only asked for its status: tags and owner were seen before.
        if self.memory.watches()
            && let Some(output) = glance(self.calls, kind, &self.desired).await?
        {
            let found = Found::new(kind, output, std::collections::BTreeMap::new());
            if !found.phase.is_final() && self.memory.is_watched(&self.desired, &found) {
                return Ok(Look::Same(Box::new(found)));
            }
            let mut found = complete_found(self.calls, kind, found.output).await?;
            self.memory.correct_owner(&self.desired, &mut found, self.calls.clock.now());
            return Ok(Look::Whole(Observed::Found(Box::new(found))));
        }
        if let Some(listed) = self.listed
            && let Some(observed) = listed.observe(self.calls, kind, &self.desired, self.memory).await?
        {
            return Ok(Look::Whole(observed));
        }
        if self.desired.intent == Intent::Absent && self.memory.has_written() {
            // When what was deleted is gone, nothing else is looked for.
            self.owners.saw(self.calls, kind, &self.desired).await;
        }
        let mut observed = observe(self.calls, kind, &self.desired, self.owners).await?;
        if let Observed::Found(found) = &mut observed {
            self.memory.correct_owner(&self.desired, found, self.calls.clock.now());
        }
        Ok(Look::Whole(observed))
    }

    /// The resource is in the status that is waited for to change.
    fn still_waiting(&mut self, kind: &Kind, found: &Found) -> Reconciled {
        self.memory.answered();
        self.memory.looked(found);
        self.emit_status(Some(found));
        let after = sagewright_decide::progressing(kind);
        let end = End { requeue: Some(after), ..End::new(Progress::Waiting { held: self.memory.is_held() }) };
        self.same(kind, found, end)
    }

    fn unseen(&self) -> End {
        End { requeue: Some(WHILE_UNSEEN), ..End::new(Progress::Unseen) }
    }

    fn refused(&mut self, refusal: &Refusal) -> End {
        let failed = refusal.kind == RefusalKind::Failed;
        // The reason of an earlier failure may be shown until the update is.
        if failed && self.memory.update_may_be_unseen(self.calls.clock.now()) {
            return self.unseen();
        }
        let message = refusal.to_string();
        self.emit(EventKind::Ended { why: message.clone() });
        let outcome = if failed { Outcome::Failed } else { Outcome::Refused };
        self.memory.settled();
        End { outcome: Some(outcome), message, ..End::new(Progress::Ended) }
    }

    async fn act(
        &mut self,
        kind: &Kind,
        decision: &Decision,
        found: Option<&Found>,
        now: Timestamp,
    ) -> Result<End, Failed> {
        let (mut outcome, mut wrote, mut hidden) = (None, false, false);
        // An answer that something is there already is no write.
        let mut taken = false;
        for step in decision.steps.iter().filter(|step| !matches!(step, Step::Wait { .. })) {
            // Reads may lag behind a write: it is not repeated, but looked for.
            if let Some(sent) = self.memory.sent(step) {
                if !sent.may_show(now) {
                    return Err((None, self.without_effect(kind, step, found, decision)));
                }
                hidden = true;
                continue;
            }
            if !wrote && self.memory.rounds() >= MOST_ROUNDS {
                let why = "it is not as declared after many tries".to_owned();
                let failure = self.permanent(kind, "settle", why, "run `sagewright plan` to see what differs");
                return Err((None, failure));
            }
            let creates = matches!(step, Step::Create { .. });
            // AWS would make another one: what may be there already is looked for first.
            let announced = self.announces.is_some_and(|process| self.memory.has_announced(process));
            if creates && is_made_anew(kind) && !announced && self.memory.attempt_may_be_unseen(now) {
                hidden = true;
                continue;
            }
            // The process may end before it is answered. The next one has to know the token of the repetition, or where
            // there is none, that something may be there that is not shown yet.
            if let Some(process) = self.announces.filter(|_| creates && kind.is_arn_identified())
                && self.memory.attempt().is_none()
            {
                self.memory.announce(process, now);
                return Ok(End { requeue: Some(Duration::ZERO), ..End::new(Progress::Announced) });
            }
            if let (Step::Delete { .. }, Some(serving), Some(found)) = (step, self.serving, found) {
                serving.check(self.calls, kind, &found.name).await.map_err(|failure| (Some(step.clone()), failure))?;
            }
            let before = self.memory.trying(step, now);
            let acted = match self.step(kind, step, found).await {
                Ok(acted) => acted,
                Err(failure) if self.moved_on(kind, step, found, &failure).await => {
                    (wrote, taken) = (true, true);
                    break;
                }
                Err(failure) => {
                    let failure = role::explained(self.calls, kind, failure).await;
                    let refused = !failure.cause().is_some_and(CloudError::may_have_taken_effect);
                    // The client below repeats a call that has a token: its last answer does not say what the earlier attempts did.
                    if creates && refused && !is_known_by_token(kind) {
                        self.memory.refused(before);
                    }
                    return Err((Some(step.clone()), failure));
                }
            };
            wrote = true;
            let now = self.calls.clock.now();
            match acted {
                Acted::Exists(message) => {
                    // This one made nothing. One that was sent before may have.
                    if !is_known_by_token(kind) {
                        self.memory.refused(before);
                    }
                    match self.memory.exists(now) {
                        Exists::First => {}
                        Exists::Again => hidden = true,
                        Exists::TooLong => {
                            let failure = self.permanent(kind, "create", message, "use another name");
                            return Err((Some(step.clone()), failure));
                        }
                    }
                }
                Acted::Done(answer) => {
                    if matches!(step, Step::Create { .. }) {
                        self.created(kind, &answer);
                        // The next poll shows what became of it.
                        if self.listed.is_some() && decision.steps.len() == 1 {
                            self.made = as_answered(kind, &self.desired, &answer, now);
                        }
                    }
                    taken = true;
                    self.memory.took(step, found, now);
                    outcome = first_of(outcome, step);
                }
                Acted::Gone => {
                    taken = true;
                    self.memory.took(step, found, now);
                    outcome = first_of(outcome, step);
                }
            }
        }
        let end = |progress, requeue| End { outcome, message: String::new(), progress, requeue: Some(requeue) };
        if taken {
            self.memory.wrote();
        }
        if hidden {
            return Ok(End { outcome, ..self.unseen() });
        }
        if let (Some((reason, _)), Some(found)) = (decision.first_wait(), found) {
            let after = decision.requeue_after.unwrap_or(sagewright_decide::WAIT);
            let held = quirks::holds(kind, found) || (!wrote && self.is_held(kind, decision, found));
            if self.memory.watch(&self.desired, found, held) {
                self.emit(EventKind::Waiting { reason: reason.to_owned(), after });
            }
            return Ok(end(Progress::Waiting { held }, after));
        }
        if let Some((made, after)) = self.made.take() {
            let end = End { outcome, ..self.done(kind, &after, Some(&made)) };
            self.memory.made(self.calls.clock.now());
            self.made = Some((made, after));
            return Ok(end);
        }
        if wrote {
            return Ok(end(Progress::Wrote, AFTER_A_WRITE));
        }
        Ok(self.done(kind, decision, found))
    }

    /// What AWS answered to a create says which resource is the object's.
    fn created(&mut self, kind: &Kind, answer: &Value) {
        let status = kind.status_of(answer);
        let desired = self.desired.to_mut();
        if !desired.object.status.is_object() {
            desired.object.status = Value::Object(Map::new());
        }
        if let (Some(old), Value::Object(new)) = (desired.object.status.as_object_mut(), status) {
            old.extend(new);
        }
        if let Some(arn) = sagewright_decide::arn::arn_of(kind, answer) {
            desired.arn = Some(arn);
        }
    }

    /// Whether what is to be sent has to wait: AWS takes no update of what is being updated.
    fn is_held(&self, kind: &Kind, decision: &Decision, found: &Found) -> bool {
        match self.desired.intent {
            // What reads still show differently after a call that was taken is on its way.
            Intent::Present => {
                !self.memory.has_changed() && (!decision.changes.is_empty() || found.phase == Phase::Deleting)
            }
            Intent::Absent if kind.row().delete.how == DeleteHow::Stop => {
                !self.memory.has_written() && found.phase != Phase::Stopping
            }
            // A stop that comes before a delete is no end.
            Intent::Absent => found.phase != Phase::Deleting,
        }
    }

    /// Whether a step was refused because the resource is no longer where it was: a job ends by itself.
    async fn moved_on(&self, kind: &Kind, step: &Step, found: Option<&Found>, failure: &Failure) -> bool {
        // Only an answer about the resource: what was slowed down or not allowed says nothing of it.
        let about_it =
            |c: &CloudError| c.stage == Stage::Service && (c.class() == Class::Rejected || is(&kind.errors().busy, c));
        let refused = failure.cause().is_some_and(about_it);
        let (Step::Update { .. } | Step::Stop { .. } | Step::Delete { .. }, Some(found), true) = (step, found, refused)
        else {
            return false;
        };
        match lookup::again(self.calls, kind, found).await {
            Ok(now) => now.is_none_or(|now| now.phase != found.phase),
            Err(_) => false,
        }
    }

    fn without_effect(&self, kind: &Kind, step: &Step, found: Option<&Found>, decision: &Decision) -> Failure {
        let reason = found.and_then(|f| f.reason.as_ref()).map(|r| format!(": {r}")).unwrap_or_default();
        let word = found.map(|f| f.word.as_str()).filter(|w| !w.is_empty());
        let is = word.map(|w| format!(" (it is {w}{reason})")).unwrap_or_default();
        match step {
            Step::Stop { .. } | Step::Delete { .. } => {
                let verb = if matches!(step, Step::Stop { .. }) { "stop" } else { "delete" };
                let why = format!("AWS took the {verb} and still shows the resource{is}");
                self.permanent(kind, verb, why, "try again later")
            }
            Step::Adopt { .. } => {
                let why = format!("AWS took the owner's mark and does not show it{is}");
                self.permanent(kind, "adopt", why, "try again later")
            }
            _ if !reason.is_empty() => {
                let why = format!("AWS took the update and did not carry it out{reason}");
                self.permanent(kind, "update", why, "apply again, or go back to what runs")
            }
            _ => {
                let fields: Vec<_> = decision.changes.iter().map(|c| c.path.as_str()).collect();
                let why = format!("AWS took the update and still shows another value of {}{is}", fields.join(", "));
                self.permanent(kind, "update", why, "declare the value that AWS shows, or leave the field out")
            }
        }
    }

    async fn step(&self, kind: &Kind, step: &Step, found: Option<&Found>) -> Result<Acted, Failure> {
        self.emit(EventKind::Started { step: step.clone() });
        let name = self.resource.clone().unwrap_or_else(|| self.id.name.clone());
        let acted = act(self.calls, kind, &name, step, found).await?;
        // What was there already was not made by this.
        if !matches!(acted, Acted::Exists(_)) {
            self.emit(EventKind::Done { step: step.clone() });
        }
        Ok(acted)
    }

    /// Nothing is left to do.
    fn done(&mut self, kind: &Kind, decision: &Decision, found: Option<&Found>) -> End {
        let written = self.memory.has_written();
        self.memory.settled();
        let notes = decision.notes.join("; ");
        let end = |outcome, message| End {
            outcome: Some(outcome),
            message,
            requeue: decision.requeue_after,
            progress: Progress::Done,
        };
        let Some(found) = found else {
            if self.desired.intent == Intent::Absent {
                self.emit(EventKind::Gone);
                let message = if written { notes } else { NO_RESOURCE.to_owned() };
                return end(Outcome::Unchanged, message);
            }
            return end(Outcome::Unchanged, notes);
        };
        if self.desired.intent == Intent::Absent {
            return end(Outcome::Retained, notes);
        }
        if let Some(message) = failure_message(kind, &self.desired, found) {
            self.emit(EventKind::Ended { why: message.clone() });
            let message = message + self.log_end.as_deref().unwrap_or_default();
            return End { progress: Progress::Ended, ..end(Outcome::Failed, message) };
        }
        self.emit(EventKind::Settled);
        let is_stopped = found.phase == Phase::Stopped;
        let message = if is_stopped { format!("{} is in {} status", kind.name(), found.word) } else { notes };
        end(Outcome::Unchanged, message)
    }
}

/// What a look gave.
enum Look {
    /// The status that is waited for to change is still the same.
    Same(Box<Found>),
    /// Everything about the resource.
    Whole(Observed),
}

/// Status word and finer status that an object's status holds.
pub(crate) fn words(kind: &Kind, status: &Value) -> (String, Option<String>) {
    let text = |path: &Option<String>| {
        let member = path.as_deref()?;
        let field = kind.status_fields().iter().find(|(_, m)| **m == member).map(|(field, _)| field.as_str())?;
        get(status, &Path::parse(field))?.as_str().map(str::to_owned)
    };
    (text(&kind.row().status.member).unwrap_or_default(), text(&kind.row().status.secondary))
}

/// Whether a create that is sent twice makes two: AWS names the resource, and takes no idempotency token.
fn is_made_anew(kind: &Kind) -> bool {
    kind.is_arn_identified() && !takes_token(kind)
}

/// Whether a create that is sent twice makes two, but for its token.
fn is_known_by_token(kind: &Kind) -> bool {
    kind.is_arn_identified() && takes_token(kind)
}

fn takes_token(kind: &Kind) -> bool {
    kind.create_shape().members.values().any(|member| member.idempotency_token)
}

/// What is done first is what counts; a stop on the way to something else is no end in itself.
fn first_of(before: Option<Outcome>, step: &Step) -> Option<Outcome> {
    before.filter(|before| *before != Outcome::Stopped).or(Some(outcome_of(step)))
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
