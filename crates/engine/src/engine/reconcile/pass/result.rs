//! What a pass returns: status, conditions, events, and when to look again.

use sagewright_decide::error::{Failure, Permanent};
use sagewright_decide::observed::Found;
use sagewright_decide::{Decision, Intent, conditions};
use sagewright_kinds::Kind;
use serde_json::{Map, Value};

use super::super::{Progress, Reconciled, Trouble, pause_after};
use super::{End, Failed, Pass, words};
use crate::engine::lookup;
use crate::event::{Event, EventKind};
use crate::report::Outcome;
use crate::watch::ListItem;

impl Pass<'_> {
    /// A reference has no value.
    pub(crate) fn blocked(self, failure: Failure) -> Reconciled {
        let now = self.calls.clock.now();
        let conditions = conditions::of_unresolved(&conditions::read(&self.desired.object.status), &failure, now);
        let retryable = matches!(failure, Failure::Retryable(_));
        if retryable {
            self.memory.failed(Trouble::of(self.kind, &failure), now);
        }
        let requeue = pause_after(self.memory.failures(), &failure).unwrap_or_default().max(sagewright_decide::WAIT);
        let mut end = End { message: failure.to_string(), requeue: Some(requeue), ..End::new(Progress::Blocked) };
        end.outcome = Some(Outcome::Blocked);
        let mut done = self.reconciled(None, &Decision { conditions, ..Decision::default() }, end);
        done.failure = Some(failure);
        done
    }

    pub(super) fn failed(self, found: Option<&Found>, (step, failure): Failed) -> Reconciled {
        let now = self.calls.clock.now();
        let message = failure.to_string();
        let mut end = End { message: message.clone(), ..End::new(Progress::Ended) };
        match &failure {
            Failure::Retryable(_) => {
                self.memory.failed(Trouble::of(self.kind, &failure), now);
                end.progress = Progress::Retry;
            }
            Failure::Permanent(_) => {
                end.outcome = Some(Outcome::Failed);
                self.memory.gave_up(Trouble::of(self.kind, &failure), now);
                if let Some(step) = step.clone() {
                    self.emit(EventKind::Failed { step, why: message });
                }
            }
        }
        end.requeue = pause_after(self.memory.failures(), &failure);
        let conditions = conditions::of_failure(&conditions::read(&self.desired.object.status), &failure, now);
        let mut done = self.reconciled(found, &Decision { conditions, ..Decision::default() }, end);
        done.failure = Some(failure);
        done.failed_step = step;
        done
    }

    /// The result of a pass that only read the status, which is the same. A read of the status alone has no tags, and some
    /// fields of the status and a part of the spec come from tags.
    pub(super) fn same(&self, kind: &Kind, found: &Found, end: End) -> Reconciled {
        let before = self.desired.object.status.clone();
        let conditions = conditions::read(&before);
        let mut done = self.reconciled(Some(found), &Decision { conditions, ..Decision::default() }, end);
        let told = kind.status_fields();
        if let (Value::Object(before), Value::Object(now)) = (before, &mut done.status) {
            for (field, value) in before.into_iter().filter(|(field, _)| !told.contains_key(field.as_str())) {
                now.entry(field).or_insert(value);
            }
        }
        Reconciled { spec: None, ..done }
    }

    /// The result of the pass, from what was found and decided.
    pub(super) fn reconciled(&self, found: Option<&Found>, decision: &Decision, end: End) -> Reconciled {
        let kind = self.kind;
        let shown = found.zip(kind).map(|(found, kind)| lookup::object_of(kind, found));
        let gone = self.desired.intent == Intent::Absent && found.is_none() && end.progress == Progress::Done;
        let mut status = match &shown {
            Some(object) => object.status.clone(),
            None if gone => Value::Object(Map::new()),
            None => self.desired.object.status.clone(),
        };
        let requeue = end.requeue.or(decision.requeue_after.filter(|_| end.progress == Progress::Ended));
        conditions::write(&mut status, &decision.conditions);
        Reconciled {
            status,
            conditions: decision.conditions.clone(),
            events: Vec::new(),
            requeue,
            progress: end.progress,
            outcome: end.outcome,
            changes: decision.changes.clone(),
            resource: self.resource.clone(),
            spec: shown.map(|object| object.spec),
            listed: found.zip(kind).and_then(|(found, kind)| ListItem::hash_of_read(kind, &found.output)),
            message: end.message,
            failure: None,
            failed_step: None,
        }
    }

    /// Emits an event for a status that the object did not have.
    pub(super) fn emit_status(&mut self, found: Option<&Found>) {
        let (Some(found), Some(kind)) = (found, self.kind) else { return };
        self.resource = Some(found.name.clone());
        let before = words(kind, &self.desired.object.status);
        let now = (found.word.clone(), found.secondary.clone());
        if now != before && !now.0.is_empty() {
            self.emit(EventKind::Status { from: before.0, to: now.0, secondary: now.1, reason: found.reason.clone() });
        }
    }

    pub(super) fn emit(&self, what: EventKind) {
        let at = self.calls.clock.now();
        (self.emit)(Event { object: self.id.clone(), resource: self.resource.clone(), at, what });
    }

    pub(super) fn permanent(&self, kind: &Kind, verb: &str, why: String, advice: &str) -> Failure {
        let name = self.resource.as_ref().unwrap_or(&self.id.name);
        Failure::Permanent(Permanent::new(format!("{verb} the {} `{name}`", kind.words()), why, advice))
    }
}
