//! Reconciles one object: one look, one decision, its acts, and back. Never sleeps, and needs no other object.

mod act;
mod list_observation;
mod memory;
mod pass;
mod reconciled;
mod references;
mod role;
mod trouble;

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};

use sagewright_port::cloud::{Priority, Target};

pub use list_observation::ListObservation;
pub use memory::Memory;
pub(crate) use pass::{Pass, resolve, unresolved, words};
pub use reconciled::{Progress, Reconciled};
pub(crate) use reconciled::{pause_after, shown};
pub(crate) use references::CloudResolver;
pub use references::{ReferenceResolver, Resolution, target_id, value_of};

pub(crate) use act::{Acted, act};
pub(crate) use trouble::Trouble;

use super::Engine;
use crate::event::{Event, EventKind};
use crate::observe::Owners;
use sagewright_decide::{Claims, Desired};

/// Whose resources are meant, and where.
#[derive(Debug, Clone)]
pub struct Scope {
    /// Account, region, role and endpoint. An object's own region (its annotation) goes before the scope's.
    pub target: Target,
    /// What is taken as its own: the installation above all.
    pub claims: Arc<Claims>,
    /// How urgent the reads of a look are: [`Priority::Background`] for a periodic look at what is settled,
    /// [`Priority::Interactive`] where somebody waits. What is at work is read with [`Priority::Progress`] all the same, and
    /// what is sent goes first.
    pub priority: Priority,
}

impl Engine {
    /// The same engine, for another scope.
    pub(super) fn in_scope(&self, scope: &Scope) -> Self {
        let mut engine = self.clone();
        engine.calls.target = scope.target.clone();
        engine.claims = Arc::clone(&scope.claims);
        engine.calls.patient = false;
        engine
    }

    /// Gives the references of an object their values, before a look: a name may follow from them. What the look comes to where
    /// one has none; in `memory` how calls failed.
    ///
    /// # Errors
    /// A reference has no value: the result of the look.
    pub async fn resolve(
        &self,
        desired: &mut Desired,
        memory: &mut Memory,
        resolver: &dyn ReferenceResolver,
    ) -> Result<(), Box<Reconciled>> {
        let Some(kind) = desired.object.row() else { return Ok(()) };
        let Err(failure) = pass::resolve(kind, desired, resolver).await else { return Ok(()) };
        let (calls, owners) = (self.calls_for(&desired.object), Owners::default());
        Err(Box::new(Pass::new(&calls, &owners, resolver, desired, memory, &|_| {}).blocked(failure)))
    }

    /// Brings one object one step nearer to what is declared: one look, one decision, its acts. The caller keeps `memory`
    /// with the object, and looks again after [`Reconciled::requeue`].
    pub async fn reconcile(
        &self,
        scope: &Scope,
        desired: &Desired,
        memory: &mut Memory,
        resolver: &dyn ReferenceResolver,
    ) -> Reconciled {
        self.reconcile_from_list(scope, desired, memory, resolver, None).await
    }

    /// The same, with what the last listing shows of the object's resource: what is not listed is created without a read
    /// before, and what was deleted and is no longer listed is gone. A create whose answer says all that a read would (its
    /// kind has no status) needs no read after it; what only a read shows of such a resource, as when it was created, comes
    /// into the status with the next read.
    pub async fn reconcile_from_list(
        &self,
        scope: &Scope,
        desired: &Desired,
        memory: &mut Memory,
        resolver: &dyn ReferenceResolver,
        listed: Option<&ListObservation>,
    ) -> Reconciled {
        let engine = self.in_scope(scope);
        let mut calls = engine.calls_for(&desired.object);
        calls.priority = if memory.watches() { Priority::Progress } else { scope.priority };
        let mut desired = Cow::Borrowed(desired);
        if !Arc::ptr_eq(&desired.claims, &scope.claims) {
            desired.to_mut().claims = Arc::clone(&scope.claims);
        }
        let events: Mutex<Vec<Event>> = Mutex::default();
        let keep = |event: Event| events.lock().unwrap_or_else(PoisonError::into_inner).push(event);
        let owners = Owners::default();
        let pass = Pass::new(&calls, &owners, resolver, &desired, memory, &keep);
        let mut done = pass.announcing(engine.process).with_listing(listed).sparing(&engine.serving).run().await;
        if let (Progress::Retry, Some(failure), Some(after)) = (done.progress, &done.failure, done.requeue) {
            let what = EventKind::Retrying { step: done.failed_step.clone(), why: failure.to_string(), after };
            let (object, at) = (desired.object.id(), calls.clock.now());
            keep(Event { object, resource: done.resource.clone(), at, what });
        }
        done.events = events.into_inner().unwrap_or_else(PoisonError::into_inner);
        done
    }
}
