//! CustomResourceDefinitions: what Kubernetes stores of each kind, and what it refuses at admission.
//!
//! Pure. A kind's definition follows from its row and the service model. Group, names, columns, fields and types are those
//! of AWS Controllers for Kubernetes (ACK), so that its manifests and live objects are accepted and stored unchanged; what the
//! model says of values (allowed ones, limits, patterns, required fields, unions) and what the row says of changes is
//! checked on top. [`all`] gives every definition, [`Crd::yaml`] its text.

mod columns;
mod common;
mod crd;
mod document;
mod fixed;
mod kind;
mod legacy;
mod names;
mod rules;
mod schema;
mod size;
mod words;

pub use crd::Crd;
pub use names::short_names;
pub use size::{LIMIT, applied_size};

/// The definitions of all kinds, those of the kinds that are common to all services, and the legacy ones of Amazon SageMaker
/// Operators for Kubernetes.
#[must_use]
pub fn all() -> Vec<Crd> {
    sagewright_kinds::all().iter().map(kind::definition).chain(common::all()).chain(legacy::all()).collect()
}
