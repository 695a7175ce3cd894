//! Reconciles one object: one look, one decision, its acts, and back. Never sleeps, and needs no other object.

mod act;
mod memory;
mod pass;
mod referents;
mod sighting;

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

pub use memory::Memory;
pub(crate) use pass::{Pass, resolve, unresolved, words};
pub(crate) use referents::InCloud;
pub use referents::{Referent, Referents, target_id, value_of};
pub use sighting::Sighting;

pub(crate) use act::{Acted, act};

use super::Engine;
use crate::cloud::Target;
use crate::conditions::Condition;
use crate::decide::{Change, Claims, Desired, Step};
use crate::error::Failure;
use crate::event::{Event, What};
use crate::object::Object;
use crate::observe::Owners;
use crate::report::Outcome;
use crate::retry;

/// Whose resources are meant, and where.
#[derive(Debug, Clone)]
pub struct Scope {
    /// Account, region, role and endpoint. An object's own region (its annotation) goes before the scope's.
    pub target: Target,
    /// What is taken as its own: the installation above all.
    pub claims: Arc<Claims>,
}

/// How far an object has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
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

/// What a look at one object came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Reconciled {
    /// The object's status, conditions among it.
    pub status: Value,
    /// How the object stands.
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
    /// The spec that AWS shows, under Kubernetes names; `None` where there is nothing.
    pub spec: Option<Value>,
    /// Why nothing is done, or what a person should know; empty otherwise.
    pub message: String,
    /// The call that failed.
    pub failure: Option<Failure>,
    /// The step that failed; `None` for a look.
    pub failed_step: Option<Step>,
}

impl Engine {
    /// Brings one object one step nearer to what is declared: one look, one decision, its acts. The caller keeps `memory`
    /// with the object, and looks again after [`Reconciled::requeue`].
    pub async fn reconcile(
        &self,
        scope: &Scope,
        desired: &Desired,
        memory: &mut Memory,
        referents: &dyn Referents,
    ) -> Reconciled {
        self.reconcile_swept(scope, desired, memory, referents, None).await
    }

    /// The same, with what a sweep of the kind's listing says of the object's resource: what is not listed is created
    /// without a look before, and what was deleted and is no longer listed is gone. A create whose answer says all that a
    /// look would (its kind has no status) needs no look after it; what only a read shows of such a resource, as when it
    /// was created, comes into the status with the next look.
    pub async fn reconcile_swept(
        &self,
        scope: &Scope,
        desired: &Desired,
        memory: &mut Memory,
        referents: &dyn Referents,
        sighting: Option<&Sighting>,
    ) -> Reconciled {
        let engine = self.in_scope(scope);
        let calls = engine.calls_for(&desired.object);
        let mut desired = Cow::Borrowed(desired);
        if !Arc::ptr_eq(&desired.claims, &scope.claims) {
            desired.to_mut().claims = Arc::clone(&scope.claims);
        }
        let events: Mutex<Vec<Event>> = Mutex::default();
        let keep = |event: Event| events.lock().unwrap_or_else(PoisonError::into_inner).push(event);
        let owners = Owners::default();
        let mut done = Pass::new(&calls, &owners, referents, &desired, memory, &keep).swept(sighting).run().await;
        if let (Progress::Retry, Some(failure), Some(after)) = (done.progress, &done.failure, done.requeue) {
            let what = What::Retrying { step: done.failed_step.clone(), why: failure.to_string(), after };
            let (object, at) = (desired.object.id(), calls.clock.now());
            keep(Event { object, resource: done.resource.clone(), at, what });
        }
        done.events = events.into_inner().unwrap_or_else(PoisonError::into_inner);
        done
    }
}

impl Desired {
    /// Takes over a status that a look gave: the ARN in it says which resource is the object's.
    pub fn observe(&mut self, status: &Value) {
        let before = self.object.arn().map(str::to_owned);
        self.object.status.clone_from(status);
        if self.arn.is_none() || self.arn == before {
            self.arn = self.object.arn().map(str::to_owned).or(before);
        }
    }
}

/// When to look again after a failure; `None` when only a change of the declaration can help.
pub(crate) fn pause_after(failures: u16, failure: &Failure) -> Option<Duration> {
    let (class, after) = match failure {
        Failure::Retryable(again) => (again.class(), again.after),
        Failure::Permanent(permanent) => (permanent.cause.as_ref()?.class(), None),
    };
    retry::next(class, u32::from(failures.max(1)), after, None)
}

/// The object as a look shows it: references and what AWS chose are told by what is there, under the object's own name.
pub(crate) fn shown(desired: &Desired, done: &Reconciled) -> Object {
    let mut object = desired.object.clone();
    if let Some(spec) = &done.spec {
        object.spec = spec.clone();
    }
    object.status = done.status.clone();
    object
}

/// Time on the engine's clock since `start`.
pub(crate) fn since(now: Timestamp, start: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(start)).unwrap_or_default()
}
