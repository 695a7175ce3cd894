//! What a run has done so far: reads may lag behind it.

use std::collections::HashMap;

use jiff::Timestamp;
use sagewright_kinds::Phase;
use serde_json::Value;

use crate::decide::{Desired, Intent, Step};
use crate::observe::{Found, Ownership};
use crate::report::Outcome;

/// What a run has done so far.
#[derive(Debug, Default)]
pub(crate) struct Trail {
    /// What the report will say of it: the first thing that was done.
    pub did: Option<Outcome>,
    /// When the resource was created.
    pub created: Option<Timestamp>,
    /// When a create was first answered with: it exists.
    pub exists: Option<Timestamp>,
    /// When an update was taken that has not been seen at work yet.
    pub updated: Option<Timestamp>,
    /// When the resource had last been changed before that update, as AWS shows it.
    modified: Option<Value>,
    /// Whether AWS took a create or an update of this run.
    pub changed: bool,
    sent: HashMap<String, Timestamp>,
}

impl Trail {
    /// Corrects what was found: tags show later than what they are on, and may go before it.
    pub(crate) fn own(&self, desired: &Desired, found: &mut Found) {
        let ours = match desired.intent {
            Intent::Present => self.created.is_some(),
            Intent::Absent => self.did.is_some(),
        };
        if ours && found.owner == Ownership::Unmarked {
            found.owner = Ownership::Marked(desired.owner());
        }
    }

    /// When this very step was taken before, for steps that are not repeated before their effect had time to show.
    pub(crate) fn sent(&self, step: &Step) -> Option<Timestamp> {
        let repeats = matches!(step, Step::Create { .. } | Step::Adopt { .. });
        self.sent.get(&format!("{step:?}")).copied().filter(|_| !repeats)
    }

    /// Whether the effect of a step that was taken was seen, so that there is nothing more to wait for.
    pub(crate) fn was_seen_at_work(&self, step: &Step) -> bool {
        matches!(step, Step::Update { .. }) && self.updated.is_none()
    }

    /// What a look says of an update that was taken: at work, or done between two looks, which the time of the last change
    /// tells. A read that lags behind shows the time before.
    pub(crate) fn look(&mut self, found: &Found) {
        let done = self.modified.is_some() && modified(found) != self.modified;
        if found.phase == Phase::Progressing || done {
            self.updated = None;
        }
    }

    /// What is done first is what the report says; a stop on the way to an update or a delete is no end in itself.
    pub(crate) fn note(&mut self, outcome: Outcome) {
        if self.did.is_none_or(|did| did == Outcome::Stopped) {
            self.did = Some(outcome);
        }
    }

    /// A step was taken.
    pub(crate) fn took(&mut self, step: &Step, found: Option<&Found>, now: Timestamp) {
        self.sent.insert(format!("{step:?}"), now);
        self.changed |= matches!(step, Step::Create { .. } | Step::Update { .. });
        match step {
            Step::Create { .. } => self.created = Some(now),
            Step::Update { .. } => {
                self.updated = Some(now);
                self.modified = found.and_then(modified);
            }
            _ => {}
        }
    }
}

/// When a resource was last changed, as AWS shows it.
fn modified(found: &Found) -> Option<Value> {
    found.output.get("LastModifiedTime").cloned()
}
