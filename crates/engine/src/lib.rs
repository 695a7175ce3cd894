//! Observe → decide → act: the reconcile loop of every resource kind.
//!
//! Pure but for its two ports: [`cloud::Cloud`] calls AWS, [`clock::Clock`] gives the time and waits.
//!
//! ```no_run
//! # use std::sync::Arc;
//! # use sagewright_engine::*;
//! # async fn sketch(cloud: Arc<dyn Cloud>, clock: Arc<dyn Clock>, target: Target, json: serde_json::Value)
//! # -> Result<(), Box<dyn std::error::Error>> {
//! // A manifest's documents, parsed from YAML or JSON by the caller.
//! let objects = vec![Object::from_value(json)?];
//!
//! // Errors in manifests are reported field by field, before anything is called.
//! if let Err(errors) = check(&objects) {
//!     for error in &errors {
//!         let line = format!("{} {}: {}", error.object, error.path, error.message);
//! #       drop(line);
//!     }
//! }
//! let offline = plan_offline(&objects)?; // no cloud at all: everything would be created
//!
//! let engine = Engine::new(cloud, clock, target);
//! let plan = engine.plan(&objects).await?; // reads only
//! if plan.has_changes() {
//!     let report = engine.apply(&objects, &ApplyOptions::default(), &NoObserver).await?;
//!     let worst = report.is_ok();
//! #   drop(worst);
//! }
//!
//! let kind = sagewright_kinds::find("endpoint").ok_or("no such kind")?;
//! let endpoints = engine.get(kind, None).await?;
//! let one = engine.wait(kind, "mnist", &Until::Settled, None, &NoObserver).await?;
//! let manifest = engine.export(kind, "mnist").await?; // plans to no change
//! let goes = engine.plan_delete(&objects, &DeleteOptions::default()).await?; // reads only
//! let users = engine.users(&goes).await; // what still uses what would go
//! engine.delete(&objects, &DeleteOptions::default(), &NoObserver).await?;
//! # drop((offline, endpoints, one, manifest, users)); Ok(()) }
//! ```
//!
//! # What is compared
//! Only what a manifest declares: a field left out is the service's to choose and never shows as drift; leaving out a
//! field that was set before does not unset it (AWS has no way to unset most fields). Maps that users fill
//! (`environment`, `hyperParameters`) are compared whole, so a key left out there is a change.
//!
//! # What a reference means
//! An object of the set; otherwise the resource that bears the named object's mark, whatever its name in AWS, or one of
//! the object's name that nobody owns. A resource of that name that belongs to another object is not meant.
//!
//! # Who owns a resource
//! A tag ([`keys::OWNER`]) names the object that a resource belongs to, and the installation that the object is of:
//! `installation/namespace/name`. Resources of others, and those without the tag, are left alone unless they are adopted.
//! [`Claims`] say the installation's name, whether what ACK manages is taken over, and which tags are left to others.

pub mod clock;
pub mod cloud;
pub mod conditions;
pub mod decide;
pub mod document;
pub mod engine;
pub mod error;
pub mod event;
mod fingerprint;
pub mod keys;
pub mod manifest;
pub mod mark;
pub mod object;
pub mod observe;
pub mod paging;
mod quirks;
pub mod report;
pub mod retry;
pub mod selector;
pub mod watch;

pub use clock::Clock;
pub use cloud::{Call, Class, Cloud, CloudError, Priority, Role, Stage, Target};
pub use conditions::{Condition, ConditionStatus};
pub use decide::{
    Action, Adoption, Change, ClaimPolicy, Claims, Decision, Desired, Effect, Intent, KNOWN_AFTER_APPLY, Refusal,
    RefusalKind, Step, decide,
};
pub use document::{Document, digest};
pub use engine::{
    ApplyOptions, DeleteOptions, Deletion, Description, Engine, InUse, SavedPlan, Undeclared, Until, Users, check_set,
    own_name, plan_offline, reconcile,
};
pub use error::{EngineError, Failure, GraphError, Permanent, Retryable};
pub use event::{Event, EventKind, NoObserver, Observer};
pub use manifest::{AdoptionFields, ManifestError, RefUse, check, check_name, suggest};
pub use mark::{Installation, Owner};
pub use object::{Metadata, NotAnObject, Object, ObjectId};
pub use observe::{Elsewhere, Found, Observed, Ownership};
pub use report::{Blocker, NO_RESOURCE, ObjectReport, Outcome, Plan, Planned, Report};
pub use selector::Selector;
