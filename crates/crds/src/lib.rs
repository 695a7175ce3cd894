//! CustomResourceDefinitions: what Kubernetes stores of each kind, and what it refuses at admission.
//!
//! Pure. A kind's definition follows from its row and the service model. Group, names, columns, fields and types are those
//! of AWS Controllers for Kubernetes (ACK), so that its manifests and live objects are accepted and stored unchanged; what the
//! model says of values (allowed ones, limits, patterns, required fields, unions) and what the row says of changes is
//! checked on top. [`all`] gives every definition, [`Crd::yaml`] its text.

mod columns;
mod common;
mod crd;
mod fixed;
mod legacy;
mod names;
mod rules;
mod schema;
mod size;
mod words;

pub use names::short_names;
pub use size::{LIMIT, applied_size};

use serde_json::Value;

/// One CustomResourceDefinition.
#[derive(Debug, Clone, PartialEq)]
pub struct Crd {
    /// `trainingjobs.sagemaker.services.k8s.aws`
    pub name: String,
    /// The whole object, `apiVersion` and `kind` included.
    pub document: Value,
}

impl Crd {
    /// The definition as one YAML document, always in the same form.
    #[must_use]
    pub fn yaml(&self) -> String {
        let text = serde_saphyr::to_string(&self.document).unwrap_or_default();
        format!("---\n{text}")
    }

    /// Its file, as ACK names it: `sagemaker.services.k8s.aws_trainingjobs.yaml`.
    #[must_use]
    pub fn file(&self) -> String {
        let (plural, group) = self.name.split_once('.').unwrap_or((&self.name, ""));
        format!("{group}_{plural}.yaml")
    }
}

/// The definitions of all kinds, those of the kinds that are common to all services, and the legacy ones of Amazon SageMaker
/// Operators for Kubernetes.
#[must_use]
pub fn all() -> Vec<Crd> {
    sagewright_kinds::all().iter().map(crd::of_kind).chain(common::all()).chain(legacy::all()).collect()
}
