//! The eight kinds of `sagemaker.aws.amazon.com/v1` (Amazon SageMaker Operators for Kubernetes), as objects of today's
//! kinds. Pure: [`declare`] says which objects a legacy object stands for, [`status()`] what its status shows of them.
//!
//! A legacy document has AWS's members with a small first letter, and maps as lists of `name` and `value`. Which fields
//! there are follows from the service model; what does not, stands in the table of [`kinds`].

mod declare;
mod document;
pub mod fields;
mod hosting;
pub mod kinds;
mod legacy;
pub mod mirror;
mod names;
mod rename;
mod scaling;
mod status;

pub use declare::{Declared, NotDeclared, declare};
pub use document::{from_aws, to_aws};
pub use kinds::{LegacyKind, find};
pub use rename::{content_name, rename};
pub use status::{Seen, State, names_resources, status};

/// The API group.
pub const GROUP: &str = "sagemaker.aws.amazon.com";
/// The one version.
pub const VERSION: &str = "v1";
/// What the legacy operator writes into `metadata.finalizers`.
pub const FINALIZER: &str = "sagemaker-operator-finalizer";
/// The status of an object that nothing is known of yet.
pub const SYNCHRONIZING: &str = "SynchronizingK8sJobWithSageMaker";
