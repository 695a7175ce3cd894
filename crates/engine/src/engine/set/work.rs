//! One object of a set while it is applied or deleted: what was done, what was seen, and how long to go on.

use std::time::Duration;

use jiff::Timestamp;
use sagewright_decide::error::{Failure, Permanent, Retryable};
use sagewright_decide::{Change, Desired, Intent, Step};
use sagewright_kinds::Kind;
use sagewright_kinds::row::DeleteHow;
use sagewright_objects::object::Object;
use sagewright_port::clock::since;
use sagewright_port::cloud::Class;
use sagewright_port::retry;

use crate::engine::polling::PollInterval;
use crate::engine::reconcile::{Memory, Progress, Reconciled, shown, words};
use crate::observe::calls::{attempts, is};
use crate::report::{ObjectReport, Outcome};

/// How to run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RunOptions {
    /// Wait until the object is settled.
    pub wait: bool,
    /// Give up after this long.
    pub timeout: Option<Duration>,
}

/// One object of a set while it is applied or deleted.
pub(crate) struct Work {
    pub kind: &'static Kind,
    pub desired: Desired,
    pub memory: Memory,
    options: RunOptions,
    /// When the run began: the time that is given is for all of it.
    begun: Timestamp,
    /// What the report will say: the first thing that was done.
    did: Option<Outcome>,
    /// What differed at first.
    changes: Option<Vec<Change>>,
    /// The object as the last look showed it.
    seen: Option<Object>,
    looks: PollInterval,
    unseen: PollInterval,
}

/// What comes next for an object.
pub(crate) enum Next {
    /// Look again after this long; why, where a call failed.
    Look(Duration, Option<(Option<Step>, String)>),
    /// It is finished.
    Finished(Box<ObjectReport>),
}

impl Work {
    pub(crate) fn new(kind: &'static Kind, desired: Desired, options: RunOptions, begun: Timestamp) -> Self {
        let (looks, unseen) = (PollInterval::of(kind), PollInterval::of(kind));
        let memory = Memory::default();
        Self { kind, desired, memory, options, begun, did: None, changes: None, seen: None, looks, unseen }
    }

    /// Whether nothing was decided yet.
    pub(crate) fn is_new(&self) -> bool {
        self.changes.is_none()
    }

    /// When the run gives this object up.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        let limit = jiff::SignedDuration::try_from(self.options.timeout?).ok()?;
        self.begun.checked_add(limit).ok()
    }

    /// The time that is left.
    pub(crate) fn left(&self, now: Timestamp) -> Option<Duration> {
        self.options.timeout.map(|limit| limit.saturating_sub(since(now, self.begun)))
    }

    /// Takes what a look came to. `reached`: the run has had an answer.
    pub(crate) fn take(&mut self, done: Reconciled, now: Timestamp, reached: bool) -> Next {
        let wrote = done.outcome.filter(|o| o.is_write());
        // What is done first is what the report says; a stop on the way to an update or a delete is no end in itself.
        if self.did.is_none_or(|did| did == Outcome::Stopped) {
            self.did = wrote.or(self.did);
        }
        let answered = !matches!(done.progress, Progress::Retry | Progress::Blocked);
        let first_look = self.seen.is_none() && !reached;
        if answered {
            self.changes.get_or_insert_with(|| done.changes.clone());
        }
        self.desired.observe(&done.status);
        let mut object = shown(&self.desired, &done);
        // What is only asked for its status is as it was seen.
        if let (Progress::Waiting { .. }, None, Some(seen)) = (done.progress, &done.spec, &self.seen) {
            object.spec.clone_from(&seen.spec);
        }
        if answered {
            self.seen = Some(object.clone());
        }
        let left = self.left(now);
        let within = |after: Duration| left.map_or(after, |left| after.min(left));
        match done.progress {
            Progress::Done => self.finish(object, done, None),
            Progress::Blocked if is_unread(&done) => self.again(object, done, first_look, now),
            Progress::Ended | Progress::Blocked => {
                let outcome = done.outcome.unwrap_or(Outcome::Failed);
                self.finish(object, done, Some(outcome))
            }
            Progress::Announced => Next::Look(Duration::ZERO, None),
            Progress::Wrote => {
                self.looks = PollInterval::of(self.kind);
                if !self.options.wait && self.is_end(done.outcome) {
                    let message = "AWS was asked to; it was not waited for".to_owned();
                    return self.finish(object, Reconciled { message, ..done }, None);
                }
                Next::Look(Duration::ZERO, None)
            }
            Progress::Waiting { held: false } if !self.options.wait => {
                self.finish(object, Reconciled { outcome: Some(Outcome::Pending), ..done }, None)
            }
            Progress::Waiting { .. } | Progress::Unseen if left == Some(Duration::ZERO) => self.timed_out(object, done),
            Progress::Waiting { .. } => {
                if wrote.is_some() {
                    self.looks = PollInterval::of(self.kind);
                }
                Next::Look(within(self.looks.next()), None)
            }
            Progress::Unseen => Next::Look(within(self.unseen.next()), None),
            Progress::Retry => self.again(object, done, first_look, now),
        }
    }

    /// Whether what was done in this look is the end of a delete: AWS has been asked for all that is to be done.
    fn is_end(&self, outcome: Option<Outcome>) -> bool {
        let stops = self.kind.row().delete.how == DeleteHow::Stop;
        self.desired.intent == Intent::Absent
            && matches!((outcome, stops), (Some(Outcome::Deleted), _) | (Some(Outcome::Stopped), true))
    }

    /// A call failed: it is made again, or the object is given up.
    fn again(&mut self, object: Object, done: Reconciled, first_look: bool, now: Timestamp) -> Next {
        let Some(Failure::Retryable(again)) = &done.failure else {
            return self.finish(object, done, Some(Outcome::Failed));
        };
        let left = self.left(now);
        let step = done.failed_step.as_ref();
        if let Some(after) = self.pause(again, step, first_look, now, left) {
            return Next::Look(after, Some((done.failed_step, again.why.clone())));
        }
        // With more time it would be tried again: the time is what is over, and not the call what failed.
        let is_late = left == Some(Duration::ZERO) || self.pause(again, step, first_look, now, None).is_some();
        if is_late { self.timed_out(object, done) } else { self.give_up(done) }
    }

    /// The pause before what failed is tried again; `None` to give up. Before the first answer it is better to fail soon:
    /// the address may be wrong. What has begun is not given up for a short outage.
    fn pause(
        &self,
        again: &Retryable,
        step: Option<&Step>,
        first_look: bool,
        now: Timestamp,
        left: Option<Duration>,
    ) -> Option<Duration> {
        let failures = u32::from(self.memory.failures());
        let spent = self.memory.failing_for(now);
        let is_settling = again.cause.as_ref().is_some_and(|cause| is(&self.kind.errors().settling, cause));
        let in_use = again.cause.as_ref().is_some_and(|cause| is(&self.kind.errors().busy, cause));
        let is_blocked = self.seen.is_none() && again.class() == Class::Blocked;
        match step {
            None if (first_look || is_blocked) && failures >= attempts(again) => return None,
            // What keeps a resource from being deleted goes soon, or not by itself: what this run deletes is gone by then.
            Some(Step::Delete { .. }) if in_use && spent >= retry::IN_USE => return None,
            _ => {}
        }
        let left = match is_settling {
            true => Some(retry::SETTLING.saturating_sub(spent).min(left.unwrap_or(retry::SETTLING))),
            false => left,
        };
        retry::next_of_command(again.class(), failures, again.after, spent, left)
    }

    fn give_up(&mut self, done: Reconciled) -> Next {
        let mut object = self.seen.take().unwrap_or_else(|| self.desired.object.clone());
        sagewright_decide::conditions::write(&mut object.status, &done.conditions);
        let outcome = done.outcome.filter(|outcome| *outcome == Outcome::Blocked).unwrap_or(Outcome::Failed);
        self.finish(object, done, Some(outcome))
    }

    /// The report of an object whose turn did not come in the time given.
    pub(crate) fn not_begun(&mut self) -> ObjectReport {
        let after = self.options.timeout.unwrap_or_default().as_secs();
        let what = format!("begin with {}", self.desired.object.id());
        let why = format!("it was not begun: the {after} s that were given are over");
        let failure = Failure::Permanent(Permanent::new(what, why, "allow more time, and run it again"));
        ObjectReport {
            object: self.desired.object.clone(),
            resource: self.desired.name(self.kind),
            outcome: Outcome::TimedOut,
            changes: Vec::new(),
            message: failure.to_string(),
            failure: Some(failure),
        }
    }

    fn timed_out(&mut self, object: Object, done: Reconciled) -> Next {
        let (word, _) = words(self.kind, &object.status);
        let name = done.resource.clone().unwrap_or_else(|| object.metadata.name.clone());
        let after = self.options.timeout.unwrap_or_default().as_secs();
        let (why, advice) = match &done.failure {
            Some(failure) => (format!("the {after} s that were given are over; at last: {failure}"), "allow more time"),
            None if done.progress == Progress::Unseen => {
                (format!("AWS does not show what was done after {after} s"), "wait longer, or look at its logs")
            }
            None => (format!("it is still in {word} status after {after} s"), "wait longer, or look at its logs"),
        };
        let what = format!("wait for the {} `{name}`", self.kind.words());
        let cause = done.failure.as_ref().and_then(Failure::cause).cloned().map(Box::new);
        let failure = Failure::Permanent(Permanent { cause, ..Permanent::new(what, why, advice) });
        let object = if done.failure.is_some() { self.seen.take().unwrap_or(object) } else { object };
        let done = Reconciled { message: failure.to_string(), failure: Some(failure), ..done };
        self.finish(object, done, Some(Outcome::TimedOut))
    }

    fn finish(&mut self, object: Object, done: Reconciled, outcome: Option<Outcome>) -> Next {
        let outcome = outcome.or(self.did).or(done.outcome).unwrap_or(Outcome::Pending);
        Next::Finished(Box::new(ObjectReport {
            object,
            resource: done.resource,
            outcome,
            changes: self.changes.take().unwrap_or_default(),
            message: done.message,
            failure: done.failure,
        }))
    }
}

/// Whether a reference has no value because a call failed, and not because of what was found.
fn is_unread(done: &Reconciled) -> bool {
    matches!(&done.failure, Some(Failure::Retryable(again)) if again.cause.is_some())
}
