//! What has to be remembered of an object between two looks: reads may lag behind writes.

use std::time::Duration;

use jiff::Timestamp;
use sagewright_kinds::Phase;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::decide::inputs::fingerprint;
use crate::decide::{Desired, Intent, Step};
use crate::observe::{Found, Ownership};

/// How long a write may stay unseen. AWS promises no bound; ACK gives up after 10 s and then writes again.
pub(crate) const UNSEEN: Duration = Duration::from_secs(60);
/// Writes that are remembered. A decision holds at most three.
const MOST_WRITES: usize = 4;
/// Digits of a fingerprint: it only has to distinguish a handful of values of one object.
const DIGITS: usize = 8;

/// What has to be remembered of an object between two looks. Serialised it is less than 200 bytes, so that it fits into a
/// Kubernetes status. Losing it costs a repeated look or an idempotent write; of a resource that AWS names, a create that was
/// just sent may be sent once more. Times are Unix seconds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Memory {
    /// Writes that AWS took and that reads may not show yet: fingerprint and time, newest last.
    #[serde(rename = "w", default, skip_serializing_if = "Vec::is_empty")]
    writes: Vec<(String, i64)>,
    /// When the resource was created.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    created: Option<i64>,
    /// When a create was first answered with "it exists".
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    exists: Option<i64>,
    /// When an update was taken that was not seen at work yet.
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    updated: Option<i64>,
    /// When the resource had last been changed before that update, as AWS shows it: a fingerprint.
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    modified: Option<String>,
    /// Nothing was looked at since the create: its answer said all.
    #[serde(rename = "a", default, skip_serializing_if = "is_false")]
    answered: bool,
    /// A create or an update was taken.
    #[serde(rename = "y", default, skip_serializing_if = "is_false")]
    changed: bool,
    /// When a create was first sent of which nobody knows what came.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    tried: Option<Timestamp>,
    /// The process that is about to send a first create, and has not: another one cannot know whether it did.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    announced: Option<u16>,
    /// The status that is waited for to change: a fingerprint of it and of the declaration.
    #[serde(rename = "k", default, skip_serializing_if = "Option::is_none")]
    watched: Option<String>,
    /// Something is to be sent when that status has changed.
    #[serde(rename = "h", default, skip_serializing_if = "is_false")]
    held: bool,
    /// Since when every call has failed.
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    failing: Option<i64>,
    /// Calls that failed in a row.
    #[serde(rename = "n", default, skip_serializing_if = "is_zero")]
    failures: u16,
    /// Decisions that led to writes since the object was last settled.
    #[serde(rename = "r", default, skip_serializing_if = "is_zero")]
    rounds: u16,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_zero(value: &u16) -> bool {
    *value == 0
}

/// Whether something that was done at this time may not be shown yet.
fn is_early(at: Option<i64>, now: Timestamp) -> bool {
    let bound = i64::try_from(UNSEEN.as_secs()).unwrap_or(i64::MAX);
    at.is_some_and(|at| now.as_second().saturating_sub(at) <= bound)
}

impl Memory {
    /// Calls that failed in a row.
    #[must_use]
    pub fn failures(&self) -> u16 {
        self.failures
    }

    /// How long every call has failed.
    #[must_use]
    pub fn failing_for(&self, now: Timestamp) -> Duration {
        let passed = self.failing.map_or(0, |since| now.as_second().saturating_sub(since));
        Duration::from_secs(u64::try_from(passed).unwrap_or_default())
    }

    /// Decisions that led to writes since the object was last settled.
    #[must_use]
    pub(crate) fn rounds(&self) -> u16 {
        self.rounds
    }

    /// A call failed, and the same call may succeed later.
    pub(crate) fn failed(&mut self, now: Timestamp) {
        self.failing = self.failing.or(Some(now.as_second()));
        self.failures = self.failures.saturating_add(1);
    }

    /// A call was answered.
    pub(crate) fn answered(&mut self) {
        self.failing = None;
        self.failures = 0;
    }

    /// Nothing is left to do: only what later looks need is kept.
    pub(crate) fn settled(&mut self) {
        *self = Self::default();
    }

    /// A call failed, and the same call does not succeed before something changes: only how often is kept.
    pub(crate) fn gave_up(&mut self, now: Timestamp) {
        *self = Self { failing: self.failing, failures: self.failures, ..Self::default() };
        self.failed(now);
    }

    /// A resource was created, and the answer said all that a look would: reads that lag behind are not to be believed yet.
    pub(crate) fn made(&mut self, now: Timestamp) {
        *self = Self { created: Some(now.as_second()), answered: true, ..Self::default() };
    }

    /// Whether a resource that is listed as changed at this time is the one that this object's create made, and nothing
    /// else is to be known of it. An object that was last seen by the answer to its create needs no look then.
    #[must_use]
    pub fn has_made(&self, changed: Option<Timestamp>) -> bool {
        let created = self.created.filter(|_| self.answered);
        created.is_some_and(|made| changed.is_none_or(|at| at.as_second().abs_diff(made) <= UNSEEN.as_secs()))
    }

    /// Whether nothing is known of a resource.
    pub(crate) fn is_blank(&self) -> bool {
        self.writes.is_empty() && self.created.is_none() && self.exists.is_none() && self.tried.is_none()
    }

    /// Whether the last that was written is a delete of before this time.
    pub(crate) fn has_deleted_before(&self, at: Timestamp) -> bool {
        self.created.is_none() && self.writes.last().is_some_and(|(_, written)| *written < at.as_second())
    }

    /// What was created is not there. Whether it was seen, or its create was so long ago that it has gone since.
    pub(crate) fn has_lost(&self, now: Timestamp) -> bool {
        self.answered && !self.create_may_be_unseen(now)
    }

    /// Corrects what was found: tags show later than what they are on, and may go before it.
    pub(crate) fn correct_owner(&self, desired: &Desired, found: &mut Found) {
        let ours = match desired.intent {
            Intent::Present => self.created.is_some(),
            Intent::Absent => !self.writes.is_empty(),
        };
        if ours && found.owner == Ownership::Unmarked {
            found.owner = Ownership::Marked(desired.owner());
        }
    }

    /// Whether the resource was created by this object's last writes.
    pub(crate) fn has_created(&self) -> bool {
        self.created.is_some()
    }

    /// Whether a create that was taken may not be shown yet.
    pub(crate) fn create_may_be_unseen(&self, now: Timestamp) -> bool {
        is_early(self.created, now)
    }

    /// Whether an update that was taken may not be shown yet.
    pub(crate) fn update_may_be_unseen(&self, now: Timestamp) -> bool {
        is_early(self.updated, now)
    }

    /// Whether AWS took a create or an update since the object was last settled.
    pub(crate) fn has_changed(&self) -> bool {
        self.changed
    }

    /// Whether AWS took any write since the object was last settled.
    pub(crate) fn has_written(&self) -> bool {
        !self.writes.is_empty()
    }

    /// When this very step was taken before, for steps that are not repeated before their effect had time to show.
    pub(crate) fn sent(&self, step: &Step) -> Option<Sent> {
        if matches!(step, Step::Create { .. } | Step::Adopt { .. }) {
            return None;
        }
        let print = print_of(step);
        let (_, at) = self.writes.iter().rev().find(|(other, _)| *other == print)?;
        // The effect of an update was seen: there is nothing more to wait for.
        Some(Sent { at: *at, was_seen: matches!(step, Step::Update { .. }) && self.updated.is_none() })
    }

    /// What a look says of an update that was taken: at work, or done between two looks, which the time of the last change
    /// shows. A read that lags behind shows the time before.
    pub(crate) fn looked(&mut self, found: &Found) {
        let done = self.modified.is_some() && modified(found) != self.modified;
        if found.phase == Phase::Progressing || done {
            self.updated = None;
        }
    }

    /// A create is going to be sent by the next look of this process, once this memory is kept.
    pub(crate) fn announce(&mut self, process: u16, now: Timestamp) {
        self.tried = Some(now);
        self.announced = Some(process);
    }

    /// Whether this process announced a create and has not sent it.
    pub(crate) fn has_announced(&self, process: u16) -> bool {
        self.announced == Some(process)
    }

    /// A create is on its way; until it is answered nobody knows what came of it. Gives what is to be remembered when it is
    /// refused: an earlier one of which nobody knows.
    pub(crate) fn trying(&mut self, step: &Step, now: Timestamp) -> Option<Timestamp> {
        let before = self.tried.filter(|_| self.announced.take().is_none());
        if matches!(step, Step::Create { .. }) {
            self.tried = self.tried.or(Some(now));
        }
        before
    }

    /// A create was refused, so it made nothing.
    pub(crate) fn refused(&mut self, before: Option<Timestamp>) {
        self.tried = before;
    }

    /// Whether a create of which nobody knows what came of it may have made something that is not shown yet.
    pub(crate) fn attempt_may_be_unseen(&mut self, now: Timestamp) -> bool {
        let unseen = is_early(self.tried.map(Timestamp::as_second), now);
        if !unseen {
            self.tried = None;
        }
        unseen
    }

    /// When the create that is to be sent was first sent: a repetition bears the same idempotency token.
    pub(crate) fn attempt(&self) -> Option<Timestamp> {
        self.tried
    }

    /// A resource of this object is there. Gives when the create was sent that made it, where nobody knew what came of it.
    pub(crate) fn appeared(&mut self) -> Option<Timestamp> {
        self.announced = None;
        let tried = self.tried.take();
        self.changed |= tried.is_some();
        self.created = self.created.or(tried.map(|at| at.as_second()));
        tried
    }

    /// A step was taken.
    pub(crate) fn took(&mut self, step: &Step, found: Option<&Found>, now: Timestamp) {
        let print = print_of(step);
        self.writes.retain(|(other, _)| *other != print);
        if self.writes.len() == MOST_WRITES {
            self.writes.remove(0);
        }
        let at = now.as_second();
        self.writes.push((print, at));
        self.changed |= matches!(step, Step::Create { .. } | Step::Update { .. });
        match step {
            Step::Create { .. } => {
                self.created = Some(at);
                self.tried = None;
            }
            Step::Update { .. } => {
                self.updated = Some(at);
                self.modified = found.and_then(modified);
            }
            // What is deleted was seen.
            Step::Delete { .. } => self.created = None,
            _ => {}
        }
    }

    /// A create was answered with "it exists". Whether that is still to be believed: reads may lag behind.
    pub(crate) fn exists(&mut self, now: Timestamp) -> Exists {
        let answer = match self.exists {
            None => Exists::First,
            before if is_early(before, now) => Exists::Again,
            Some(_) => Exists::TooLong,
        };
        self.exists = self.exists.or(Some(now.as_second()));
        answer
    }

    /// Whether a create was answered with "it exists", and nothing else was written.
    pub(crate) fn was_there(&self) -> bool {
        self.exists.is_some() && self.writes.is_empty()
    }

    /// A decision led to writes.
    pub(crate) fn wrote(&mut self) {
        self.rounds = self.rounds.saturating_add(1);
        self.watched = None;
    }

    /// The status of a resource at work, which is waited for to change, and whether something is to be sent then. Gives
    /// whether the wait is new.
    pub(crate) fn watch(&mut self, desired: &Desired, found: &Found, held: bool) -> bool {
        self.held = held;
        self.watched.replace(watched(desired, found)).is_none()
    }

    /// Whether this is the status that is waited for to change.
    pub(crate) fn is_watched(&self, desired: &Desired, found: &Found) -> bool {
        self.watched.is_some() && self.watched.as_deref() == Some(watched(desired, found).as_str())
    }

    /// Whether something is to be sent when the status has changed.
    pub(crate) fn is_held(&self) -> bool {
        self.held
    }

    /// Whether a status is waited for to change.
    pub(crate) fn watches(&self) -> bool {
        self.watched.is_some()
    }
}

/// A step that was taken before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sent {
    at: i64,
    was_seen: bool,
}

impl Sent {
    /// Whether its effect may still show.
    pub(crate) fn may_show(self, now: Timestamp) -> bool {
        !self.was_seen && is_early(Some(self.at), now)
    }
}

/// What "it exists" means, as an answer to a create.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exists {
    /// Reads may not show it yet: look again.
    First,
    /// They still do not: look again after a while.
    Again,
    /// They never will: it is another's, or of another kind.
    TooLong,
}

fn print_of(step: &Step) -> String {
    fingerprint(&format!("{step:?}"), DIGITS)
}

fn watched(desired: &Desired, found: &Found) -> String {
    let text = format!("{:?} {} {:?} {} {:?}", desired.intent, desired.spec, desired.tags, found.word, found.secondary);
    fingerprint(&text, DIGITS)
}

/// When a resource was last changed, as AWS shows it.
fn modified(found: &Found) -> Option<String> {
    found.output.get("LastModifiedTime").map(|at: &Value| fingerprint(&at.to_string(), DIGITS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_memory_of_everything_takes_less_than_200_bytes() {
        let at = 1_999_999_999;
        let print = || "0123abcd".to_owned();
        let full = Memory {
            writes: (0..MOST_WRITES).map(|_| (print(), at)).collect(),
            created: Some(at),
            exists: None,
            updated: Some(at),
            modified: Some(print()),
            answered: false,
            changed: true,
            tried: None,
            announced: None,
            watched: Some(print()),
            held: true,
            failing: None,
            failures: 0,
            rounds: 12,
        };
        let text = serde_json::to_string(&full).unwrap();
        assert!(text.len() < 200, "{} bytes: {text}", text.len());
        assert_eq!(serde_json::from_str::<Memory>(&text).unwrap(), full);
        assert_eq!(serde_json::to_string(&Memory::default()).unwrap(), "{}");
    }
}
