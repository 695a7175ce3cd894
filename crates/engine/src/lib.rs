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

pub mod document;
pub mod engine;
pub mod error;
pub mod event;
pub mod observe;
pub mod report;
pub mod watch;

// What a user of the engine gives and gets.
pub use sagewright_decide as decide;
pub use sagewright_decide::{
    Action, Adoption, Change, ClaimPolicy, Claims, Condition, ConditionStatus, Decision, Desired, Effect, Elsewhere,
    Failure, Found, Intent, KNOWN_AFTER_APPLY, Observed, Ownership, Permanent, Refusal, RefusalKind, Retryable, Step,
    conditions, decide,
};
pub use sagewright_objects::{
    AdoptionFields, Installation, ManifestError, Metadata, NotAnObject, Object, ObjectId, Owner, RefUse, Selector,
    check, check_name, keys, manifest, mark, object, selector, suggest,
};
pub use sagewright_port::{
    Call, Class, Clock, Cloud, CloudError, Priority, Role, Stage, Target, bounds, clock, cloud, paging, retry,
};

pub use document::{Document, digest};
pub use engine::{
    ApplyOptions, DeleteOptions, Deletion, Description, Engine, InUse, SavedPlan, Undeclared, Until, Users, check_set,
    own_name, plan_offline, reconcile,
};
pub use error::{EngineError, GraphError};
pub use event::{Event, EventKind, NoObserver, Observer};
pub use report::{Blocker, NO_RESOURCE, ObjectReport, Outcome, Plan, Planned, Report};
