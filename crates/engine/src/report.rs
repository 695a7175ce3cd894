//! The results of plans, applies and deletes.

use jiff::Timestamp;
use sagewright_decide::error::Failure;
use sagewright_decide::{Action, Change, Decision};
use sagewright_objects::keys;
use sagewright_objects::object::{Object, ObjectId};
use sagewright_objects::secrets::hide_in_manifest;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What a delete says of an object whose resource is not there.
pub const NO_RESOURCE: &str = "there is no such resource";

/// What would be done.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// One entry per object, dependencies first.
    pub objects: Vec<Planned>,
}

/// What would be done with one object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Planned {
    /// The object.
    pub object: Object,
    /// Its name in AWS, where it is known.
    pub resource: Option<String>,
    /// The decision.
    pub decision: Decision,
    /// Objects of the set that come before it.
    pub after: Vec<ObjectId>,
    /// It could not be read or resolved: why.
    pub failure: Option<Failure>,
    /// What keeps an apply from success, where nothing is refused.
    pub blocker: Option<Blocker>,
}

/// What keeps an apply of an object from success, although nothing in its declaration is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Blocker {
    /// Objects that it needs will not go well: nothing would be done.
    Blocked {
        /// Those objects.
        by: Vec<ObjectId>,
    },
    /// It is as declared, but has failed.
    Failed {
        /// The status it is in, why, and what to do.
        why: String,
    },
}

impl Planned {
    /// An object of which nothing is decided yet.
    pub(crate) fn new(object: Object, resource: Option<String>, after: Vec<ObjectId>) -> Self {
        Self { object, resource, decision: Decision::default(), after, failure: None, blocker: None }
    }

    /// What would be done.
    #[must_use]
    pub fn action(&self) -> Action {
        self.decision.action()
    }

    /// Whether a delete would delete or stop its resource, perhaps once that is settled.
    #[must_use]
    pub fn goes(&self) -> bool {
        self.is_ok() && matches!(self.action(), Action::Delete | Action::Stop | Action::Wait)
    }

    /// Whether nothing blocks what is declared.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.failure.is_none() && self.blocker.is_none() && self.decision.refusal().is_none()
    }
}

impl Plan {
    /// Whether an apply would write anything.
    #[must_use]
    pub fn has_changes(&self) -> bool {
        self.objects.iter().any(|p| p.decision.writes())
    }

    /// Whether something is refused, blocked, has failed or could not be read.
    #[must_use]
    pub fn has_problems(&self) -> bool {
        self.objects.iter().any(|p| !p.is_ok())
    }
}

/// The result for one object, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It was created.
    Created,
    /// It was changed.
    Updated,
    /// It was there and was taken over.
    Adopted,
    /// It was as declared already.
    Unchanged,
    /// It was deleted.
    Deleted,
    /// It was stopped; its record stays.
    Stopped,
    /// Nothing was done, as the object or its kind asks.
    Retained,
    /// It is in progress, and was not waited for.
    Pending,
    /// Nothing was done, for the reason given.
    Refused,
    /// It failed.
    Failed,
    /// It was not there in the time given; what was begun goes on.
    TimedOut,
    /// Something it needs failed or is not there yet.
    Blocked,
}

impl Outcome {
    /// Whether something was written.
    #[must_use]
    pub fn is_write(self) -> bool {
        matches!(self, Self::Created | Self::Updated | Self::Adopted | Self::Deleted | Self::Stopped)
    }

    /// Whether it succeeded, or is in progress.
    #[must_use]
    pub fn is_ok(self) -> bool {
        !matches!(self, Self::Refused | Self::Failed | Self::TimedOut | Self::Blocked)
    }
}

/// The result for one object. It is written down without what must not be shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", remote = "Self")]
pub struct ObjectReport {
    /// The object with the status it has now, conditions among it.
    pub object: Object,
    /// Its name in AWS, where it is known.
    pub resource: Option<String>,
    /// The result in one word.
    pub outcome: Outcome,
    /// What was different.
    pub changes: Vec<Change>,
    /// Why it was refused, has failed or is blocked; empty otherwise.
    pub message: String,
    /// The failed call, where one failed.
    pub failure: Option<Failure>,
}

impl ObjectReport {
    /// The report without what must not be shown.
    #[must_use]
    pub fn masked(&self) -> Self {
        let mut report = self.clone();
        report.changes.iter_mut().for_each(|change| *change = change.masked());
        if let Some(kind) = report.object.row() {
            hide_in_manifest(kind, &mut report.object.spec);
        }
        // It has the manifest again.
        report.object.metadata.annotations.shift_remove(keys::LAST_APPLIED);
        report
    }
}

impl Serialize for ObjectReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(&self.masked(), serializer)
    }
}

impl<'de> Deserialize<'de> for ObjectReport {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::deserialize(deserializer)
    }
}

/// The result of an apply or a delete.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// One entry per object, in the order of the plan.
    pub objects: Vec<ObjectReport>,
    /// When it began, on the engine's clock.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
}

impl Report {
    /// Whether every object succeeded.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.objects.iter().all(|o| o.outcome.is_ok())
    }
}
