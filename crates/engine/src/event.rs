//! Events of an apply, a delete or a wait.

use std::time::Duration;

use jiff::Timestamp;
use sagewright_decide::{Change, Step};
use sagewright_objects::object::ObjectId;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Something that happened to an object. It is written down without what must not be shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", remote = "Self")]
pub struct Event {
    /// The object.
    pub object: ObjectId,
    /// Its name in AWS, where it is known.
    pub resource: Option<String>,
    /// When, on the engine's clock.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub what: EventKind,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "event")]
pub enum EventKind {
    /// It was compared, and this is the difference.
    Decided {
        /// Field by field.
        changes: Vec<Change>,
        /// What will be done.
        steps: Vec<Step>,
        /// What a person should know besides: what is left alone, and why.
        #[serde(default)]
        notes: Vec<String>,
    },
    /// It waits for the objects that it refers to.
    Blocked {
        /// What it waits for.
        on: Vec<ObjectId>,
    },
    /// A step begins.
    Started {
        /// The step.
        step: Step,
    },
    /// A step is done.
    Done {
        /// The step.
        step: Step,
    },
    /// A step failed, or AWS could not be asked, and it is tried again after a while.
    Retrying {
        /// The step; `None` for a look.
        step: Option<Step>,
        /// Why it failed.
        why: String,
        /// When it is tried again.
        #[serde(with = "sagewright_port::durations::seconds")]
        after: Duration,
    },
    /// A step failed for good.
    Failed {
        /// The step.
        step: Step,
        /// Why.
        why: String,
    },
    /// Its status, first seen or changed.
    Status {
        /// The status before; empty at first.
        from: String,
        /// The status now.
        to: String,
        /// The finer status.
        secondary: Option<String>,
        /// The reason that AWS gives, where it gives one.
        reason: Option<String>,
    },
    /// Nothing changed; it is looked at again after this long.
    Waiting {
        /// Why.
        reason: String,
        /// How long.
        #[serde(with = "sagewright_port::durations::seconds")]
        after: Duration,
    },
    /// It is as declared.
    Settled,
    /// It is gone.
    Gone,
    /// It ended in a failure.
    Ended {
        /// Status and reason.
        why: String,
    },
}

impl Event {
    /// The event without what must not be shown.
    #[must_use]
    pub fn masked(&self) -> Self {
        let mut event = self.clone();
        let kind = sagewright_kinds::find(&self.object.kind);
        let hide = |step: &mut Step| {
            if let Some(kind) = kind {
                *step = step.masked(kind);
            }
        };
        match &mut event.what {
            EventKind::Decided { changes, steps, .. } => {
                changes.iter_mut().for_each(|change| *change = change.masked());
                steps.iter_mut().for_each(hide);
            }
            EventKind::Started { step } | EventKind::Done { step } | EventKind::Failed { step, .. } => hide(step),
            EventKind::Retrying { step, .. } => step.iter_mut().for_each(hide),
            EventKind::Blocked { .. }
            | EventKind::Status { .. }
            | EventKind::Waiting { .. }
            | EventKind::Settled
            | EventKind::Gone
            | EventKind::Ended { .. } => {}
        }
        event
    }
}

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(&self.masked(), serializer)
    }
}

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::deserialize(deserializer)
    }
}

/// Receives events. Calls come from one task at a time and must not block.
pub trait Observer: Send + Sync {
    /// Called for each event as it happens.
    fn event(&self, event: &Event);
}

/// Ignores all events.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoObserver;

impl Observer for NoObserver {
    fn event(&self, _: &Event) {}
}
