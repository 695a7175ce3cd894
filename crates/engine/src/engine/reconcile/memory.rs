//! What has to be remembered of an object between two looks: reads may lag behind writes.

use std::time::Duration;

use jiff::Timestamp;
use sagewright_decide::inputs::fingerprint;
use sagewright_decide::observed::{Found, Ownership};
use sagewright_decide::{Desired, Intent, Step, adoption};
use sagewright_kinds::Phase;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Trouble;

/// How long a write may stay unseen. AWS promises no bound; ACK gives up after 10 s and then writes again.
pub(crate) const UNSEEN: Duration = Duration::from_secs(60);
/// Writes that are remembered. A decision holds at most three.
const MOST_WRITES: usize = 3;
/// Digits of a fingerprint: it only tells a handful of values of one object apart.
const DIGITS: usize = 6;
/// Failures that are counted: long before, the pause between two is the longest.
const MOST_FAILURES: u16 = 999;

/// What has to be remembered of an object between two looks. Serialised it is less than 200 bytes, so that it fits into a
/// Kubernetes status: what is remembered of a create on its way, of a resource that is there and of one that is going is
/// not remembered together. Losing it costs a repeated look or an idempotent write; of a resource that AWS names, a create
/// that was just sent may be sent once more. Times are Unix seconds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Memory {
    /// Writes that AWS took and that reads may not show yet: fingerprint and time, newest last.
    #[serde(rename = "w", default, skip_serializing_if = "Vec::is_empty")]
    writes: Vec<(String, i64)>,
    /// When the resource was created.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    created: Option<i64>,
    /// What was created has been seen: when it is not there, it has gone.
    #[serde(rename = "s", default, skip_serializing_if = "is_false")]
    seen: bool,
    /// When a create was first answered with "it exists".
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    exists: Option<i64>,
    /// When an update was taken that was not seen at work yet.
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    updated: Option<i64>,
    /// When the resource had last been changed before that update, as AWS shows it: a fingerprint.
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    modified: Option<String>,
    /// Which resource was deleted, or stopped for that: a fingerprint of its ARN and of when it was created.
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    deleted: Option<String>,
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
    /// Since when every call has failed, in the same way.
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    failing: Option<i64>,
    /// Calls that failed in a row, in the same way.
    #[serde(rename = "n", default, skip_serializing_if = "is_zero")]
    failures: u16,
    /// In which way they failed.
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    trouble: Option<Trouble>,
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

/// Whether something that was done at this time may not be shown yet. A clock that is far behind the one that told the
/// time says nothing.
fn is_early(at: Option<i64>, now: Timestamp) -> bool {
    at.is_some_and(|at| now.as_second().abs_diff(at) <= UNSEEN.as_secs())
}

impl Memory {
    /// Calls that failed in a row, in the same way.
    #[must_use]
    pub fn failures(&self) -> u16 {
        self.failures
    }

    /// How long every call has failed, in the same way.
    #[must_use]
    pub fn failing_for(&self, now: Timestamp) -> Duration {
        let passed = self.failing.map_or(0, |since| now.as_second().saturating_sub(since));
        Duration::from_secs(u64::try_from(passed).unwrap_or_default())
    }

    /// Whether another memory says the same but for how calls failed. That alone need not outlast the process.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        let (failing, failures, trouble) = (self.failing, self.failures, self.trouble);
        *self == Self { failing, failures, trouble, ..other.clone() }
    }

    /// Decisions that led to writes since the object was last settled.
    #[must_use]
    pub(crate) fn rounds(&self) -> u16 {
        self.rounds
    }

    /// A call failed, and the same call may succeed later.
    pub(crate) fn failed(&mut self, trouble: Trouble, now: Timestamp) {
        if self.trouble.replace(trouble) != Some(trouble) {
            self.failing = None;
            self.failures = 0;
        }
        self.failing = self.failing.or(Some(now.as_second()));
        self.failures = self.failures.saturating_add(1).min(MOST_FAILURES);
    }

    /// A call was answered.
    pub(crate) fn answered(&mut self) {
        self.failing = None;
        self.failures = 0;
        self.trouble = None;
    }

    /// Nothing is left to do: only what later looks need is kept.
    pub(crate) fn settled(&mut self) {
        *self = Self::default();
    }

    /// A call failed, and the same call does not succeed before something changes: only how often is kept.
    pub(crate) fn gave_up(&mut self, trouble: Trouble, now: Timestamp) {
        *self = Self { failing: self.failing, failures: self.failures, trouble: self.trouble, ..Self::default() };
        self.failed(trouble, now);
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
        let deleted = |(print, written): &(String, i64)| print.starts_with(DELETE) && *written < at.as_second();
        self.created.is_none() && self.writes.last().is_some_and(deleted)
    }

    /// What was created is not there, and not because reads lag behind. Whether that is no wonder: it was seen, or is to go.
    pub(crate) fn has_lost(&self, intent: Intent, now: Timestamp) -> bool {
        let known = self.answered || self.seen || intent == Intent::Absent;
        self.created.is_some() && known && !self.create_may_be_unseen(now)
    }

    /// Corrects what was found: tags show later than what they are on, and may go before it. For a while after a write:
    /// then a mark that is not there was taken away.
    pub(crate) fn correct_owner(&self, desired: &Desired, found: &mut Found, now: Timestamp) {
        let ours = match desired.intent {
            _ if self.create_may_be_unseen(now) || self.adoption_may_be_unseen(desired, found, now) => true,
            Intent::Present => false,
            // Tags may go before what they are on. Another one of the same name is not what was deleted.
            Intent::Absent => {
                let is_going = self.writes.last().is_some_and(|(print, _)| print.starts_with([DELETE, STOP]));
                is_going && (self.deleted.is_none() || self.deleted == identity(found))
            }
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

    /// Whether the owner's mark was written a short while ago.
    fn adoption_may_be_unseen(&self, desired: &Desired, found: &Found, now: Timestamp) -> bool {
        self.sent(&adoption(desired, found)).is_some_and(|sent| sent.may_show(now))
    }

    /// Whether a resource that bears no mark may be what a create made whose answer is not known: tags show later than
    /// what they are on.
    pub(crate) fn mark_may_be_unseen(&self, now: Timestamp) -> bool {
        let tried = self.tried.map(Timestamp::as_second);
        tried.is_some() && (is_early(tried, now) || is_early(self.exists, now))
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
        if matches!(step, Step::Create { .. }) {
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
        self.seen = self.created.is_some();
        self.answered = false;
        self.exists = None;
        let done = self.modified.is_some() && modified(found) != self.modified;
        if found.phase == Phase::Progressing || done {
            self.updated = None;
        }
    }

    /// A create is going to be sent by the next look of this process, once this memory is kept.
    pub(crate) fn announce(&mut self, process: u16, now: Timestamp) {
        self.begin_create();
        self.tried = Some(now);
        self.announced = Some(process);
    }

    /// A create is about to be sent: there is no resource of which anything is to be known.
    fn begin_create(&mut self) {
        *self = Self {
            writes: std::mem::take(&mut self.writes),
            exists: self.exists,
            tried: self.tried,
            announced: self.announced,
            failing: self.failing,
            failures: self.failures,
            trouble: self.trouble,
            rounds: self.rounds,
            ..Self::default()
        };
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
            self.begin_create();
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

    /// The resource is there, whatever came of a create.
    fn is_there(&mut self) {
        (self.tried, self.announced, self.exists) = (None, None, None);
    }

    /// A step was taken.
    pub(crate) fn took(&mut self, step: &Step, found: Option<&Found>, now: Timestamp) {
        self.is_there();
        let print = print_of(step);
        // What was written before in the same way does not hold any more: it may have to be written again.
        let slot = |print: &str| print.chars().take(SLOT).collect::<String>();
        self.writes.retain(|(other, _)| slot(other) != slot(&print));
        if self.writes.len() == MOST_WRITES {
            self.writes.remove(0);
        }
        let at = now.as_second();
        self.writes.push((print, at));
        self.changed |= matches!(step, Step::Create { .. } | Step::Update { .. });
        match step {
            Step::Create { .. } => {
                self.created = Some(at);
            }
            Step::Update { .. } => {
                self.updated = Some(at);
                self.modified = found.and_then(modified);
                self.deleted = None;
            }
            // What is deleted was seen, and what was written before does not matter any more.
            Step::Delete { .. } | Step::Stop { .. } => {
                (self.created, self.seen) = (None, false);
                (self.updated, self.modified) = (None, None);
                self.deleted = found.and_then(identity);
            }
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
        self.is_there();
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

/// Begins the print of a delete, and of a stop.
const DELETE: char = 'd';
const STOP: char = 's';
/// Characters of a print that say in which way was written.
const SLOT: usize = 2;

/// A write in short: what is done with which operation, and a fingerprint of it all.
fn print_of(step: &Step) -> String {
    let (verb, operation) = match step {
        Step::Create { operation, .. } => ('c', operation.as_str()),
        Step::Update { operation, .. } => ('u', operation.as_str()),
        Step::Stop { operation, .. } => (STOP, operation.as_str()),
        Step::Delete { operation, .. } => (DELETE, operation.as_str()),
        Step::SyncTags { .. } => ('t', ""),
        Step::Adopt { .. } => ('a', ""),
        Step::Wait { .. } | Step::Refuse(_) => ('-', ""),
    };
    format!("{verb}{}{}", fingerprint(operation, SLOT - 1), fingerprint(&format!("{step:?}"), DIGITS - 1))
}

fn watched(desired: &Desired, found: &Found) -> String {
    let (intent, spec, tags) = (desired.intent, &desired.spec, &desired.tags);
    let (word, finer, which) = (&found.word, &found.secondary, identity(found));
    fingerprint(&format!("{intent:?} {spec} {tags:?} {word} {finer:?} {which:?}"), DIGITS)
}

/// Tells a resource from another of the same name, as far as AWS shows when it was created.
fn identity(found: &Found) -> Option<String> {
    let created = found.output.get("CreationTime")?;
    Some(fingerprint(&format!("{:?} {created}", found.arn), DIGITS))
}

/// When a resource was last changed, as AWS shows it.
fn modified(found: &Found) -> Option<String> {
    found.output.get("LastModifiedTime").map(|at: &Value| fingerprint(&at.to_string(), DIGITS))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use sagewright_objects::object::Object;

    fn at(second: i64) -> Timestamp {
        Timestamp::new(1_999_990_000 + second, 123_456_789).unwrap()
    }

    /// Whatever happens in whatever order, with every time and number at its longest.
    #[test]
    fn a_memory_takes_less_than_200_bytes() {
        let kind = sagewright_kinds::find("Endpoint").unwrap();
        let mut object = Object::new(kind, "e");
        object.spec = json!({"endpointName": "e", "endpointConfigName": "c"});
        let desired = Desired::new(kind, &object).unwrap();
        let found = |word: &str, changed: u64| {
            let output = json!({
                "EndpointName": "e", "EndpointArn": "arn:aws:sagemaker:us-east-1:123456789012:endpoint/e",
                "EndpointStatus": word, "CreationTime": "2026-01-01T00:00:00Z", "LastModifiedTime": changed,
            });
            Found::new(kind, output, BTreeMap::new())
        };
        let call = |verb: &str| (format!("{verb}Endpoint"), json!({"EndpointName": "e"}));
        let (mut seed, mut longest) = (7_u64, String::new());
        let mut random = |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % below
        };
        let words = ["Creating", "InService", "Updating"];
        let all: Vec<Found> = (0..3).flat_map(|changed| words.map(|word| found(word, changed))).collect();
        for _ in 0..2_000 {
            let mut memory = Memory { rounds: 11, failures: MOST_FAILURES - 1, ..Memory::default() };
            for second in 0..20 {
                let now = at(second);
                let (operation, input) = call(["Update", "Put", "Patch"][random(3) as usize]);
                let update = Step::Update { operation, input };
                let (operation, input) = call("Create");
                let create = Step::Create { operation, input };
                let seen = &all[random(9) as usize];
                match random(14) {
                    0 => memory.took(&create, None, now),
                    1 => memory.took(&update, Some(seen), now),
                    2 => {
                        let (operation, input) = call("Stop");
                        memory.took(&Step::Stop { operation, input }, Some(seen), now);
                    }
                    3 => {
                        let (operation, input) = call("Delete");
                        memory.took(&Step::Delete { operation, input }, Some(seen), now);
                    }
                    4 => {
                        let (arn, add) = ("arn".to_owned(), BTreeMap::new());
                        memory.took(&Step::SyncTags { arn, add, remove: Vec::new() }, Some(seen), now);
                    }
                    5 => memory.took(&adoption(&desired, seen), Some(seen), now),
                    6 => memory.looked(seen),
                    7 => drop(memory.watch(&desired, seen, true)),
                    8 | 9 => {
                        memory.failed(Trouble::Throttle, now);
                        memory.failures = memory.failures.max(MOST_FAILURES - 1);
                    }
                    10 if !memory.has_created() => drop(memory.trying(&create, now)),
                    11 if !memory.has_created() && memory.attempt().is_none() => memory.announce(u16::MAX, now),
                    12 if memory.attempt().is_some() => drop(memory.exists(now)),
                    13 => drop(memory.appeared()),
                    _ => {}
                }
                let text = serde_json::to_string(&memory).unwrap();
                assert_eq!(serde_json::from_str::<Memory>(&text).unwrap(), memory);
                if text.len() > longest.len() {
                    longest = text;
                }
            }
        }
        assert!((150..200).contains(&longest.len()), "{} bytes: {longest}", longest.len());
        assert_eq!(serde_json::to_string(&Memory::default()).unwrap(), "{}");
    }

    #[test]
    fn what_is_written_anew_forgets_what_was_written_before_in_the_same_way() {
        let update = |operation: &str, value: u8| Step::Update { operation: operation.to_owned(), input: json!(value) };
        let mut memory = Memory::default();
        for step in [update("UpdateThing", 1), update("StartThing", 1), update("UpdateThing", 2)] {
            memory.took(&step, None, at(0));
        }
        let sent = |step: &Step| memory.sent(step).is_some();
        assert!(!sent(&update("UpdateThing", 1)) && sent(&update("UpdateThing", 2)) && sent(&update("StartThing", 1)));
    }
}
