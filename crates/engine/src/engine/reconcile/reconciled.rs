//! The result of one pass.

use std::time::Duration;

use sagewright_decide::conditions::Condition;
use sagewright_decide::error::Failure;
use sagewright_decide::{Change, Desired, Step};
use sagewright_objects::object::Object;
use sagewright_port::cloud::Class;
use sagewright_port::retry;
use serde_json::Value;

use crate::event::Event;
use crate::report::Outcome;
use crate::watch::ContentHash;

/// How far an object has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// A create is about to be sent that AWS would carry out twice without its token: keep the memory, and look again at once.
    Announced,
    /// AWS took a write: the next look shows what came of it.
    Wrote,
    /// AWS took a write before, and reads do not show it yet.
    Unseen,
    /// AWS is at work.
    Waiting {
        /// Something is to be sent when that is done.
        held: bool,
    },
    /// Nothing is left to do.
    Done,
    /// Nothing is done, for the reason in the message, until something changes.
    Ended,
    /// A reference has no value.
    Blocked,
    /// A call failed that may succeed later.
    Retry,
}

/// The result of one pass.
#[derive(Debug, Clone, PartialEq)]
pub struct Reconciled {
    /// The object's status, conditions among it.
    pub status: Value,
    /// The object's conditions.
    pub conditions: Vec<Condition>,
    /// What happened, in order.
    pub events: Vec<Event>,
    /// When to look again; `None` when only a change of the declaration can matter.
    pub requeue: Option<Duration>,
    /// How far the object has come.
    pub progress: Progress,
    /// What was done, or found to be so: for an object that is not finished, what was done in this look.
    pub outcome: Option<Outcome>,
    /// What differed.
    pub changes: Vec<Change>,
    /// The resource's name in AWS, where it is known.
    pub resource: Option<String>,
    /// The spec that AWS shows, under Kubernetes names; `None` where there is nothing, and after a look at the status alone.
    pub spec: Option<Value>,
    /// The hash of the listing's item that shows what this look found; nothing where a read does not say all that an item does.
    pub listed: Option<ContentHash>,
    /// Why nothing is done, or a note for the user; empty otherwise.
    pub message: String,
    /// The call that failed.
    pub failure: Option<Failure>,
    /// The step that failed; `None` for a look.
    pub failed_step: Option<Step>,
}

/// When to look again after a failure; `None` when only a change of the declaration can help.
pub(crate) fn pause_after(failures: u16, failure: &Failure) -> Option<Duration> {
    let (class, after) = match failure {
        Failure::Retryable(again) => (again.class(), again.after),
        // What was found in the way, and not by AWS, may be gone at a later look.
        Failure::Permanent(permanent) => {
            (permanent.cause.as_ref().map_or(Class::Rejected, |cause| cause.class()), None)
        }
    };
    retry::next(class, u32::from(failures.max(1)), after, None)
}

/// The object as a look shows it: with the values of references and what AWS chose, under the object's own name.
pub(crate) fn shown(desired: &Desired, done: &Reconciled) -> Object {
    let mut object = desired.object.clone();
    if let Some(spec) = &done.spec {
        object.spec = spec.clone();
    }
    object.status = done.status.clone();
    object
}
