//! Why the engine gave no result.

use std::fmt;
use std::time::Duration;

use sagewright_decide::error::Failure;
use sagewright_objects::manifest::ManifestError;
use sagewright_objects::object::ObjectId;

/// References that no order can satisfy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// Objects that need each other.
    #[error("these objects refer to each other in a circle: {}", names(.0))]
    Cycle(Vec<ObjectId>),
    /// The same object twice.
    #[error("{0} is declared twice")]
    Twice(ObjectId),
}

fn names(ids: &[ObjectId]) -> String {
    ids.iter().chain(ids.first()).map(ToString::to_string).collect::<Vec<_>>().join(" → ")
}

/// Why an engine call gave no result. Failures of single objects of an `apply` are in its report instead.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EngineError {
    /// Manifests that are wrong; nothing was called.
    #[error("{}", list(.0))]
    Manifest(Vec<ManifestError>),
    /// References that no order can satisfy; nothing was called.
    #[error("{}", list(.0))]
    Graph(Vec<GraphError>),
    /// What a saved plan says would be done otherwise now; nothing was done.
    #[error("the plan does not hold any more:\n{}\nmake a new plan", changed(.0))]
    PlanChanged(Vec<(ObjectId, String)>),
    /// There is no such resource.
    #[error("there is no {kind} `{name}`{hint}")]
    NotFound {
        /// Kind, in words.
        kind: String,
        /// The name asked for.
        name: String,
        /// What might have been meant.
        hint: String,
    },
    /// The time given to a wait is over.
    #[error("{what} was not {until} within {} s; it is {is}", .after.as_secs())]
    Timeout {
        /// What was waited for.
        what: String,
        /// What it should have become.
        until: String,
        /// What it is.
        is: String,
        /// The time given.
        after: Duration,
    },
    /// What was waited for can no longer come true.
    #[error("{what} will not become {until}: it is {is}")]
    Unreachable {
        /// What was waited for.
        what: String,
        /// What it should have become.
        until: String,
        /// What it is, with its reason.
        is: String,
    },
    /// A call failed.
    #[error(transparent)]
    Failure(#[from] Failure),
}

fn changed(objects: &[(ObjectId, String)]) -> String {
    objects.iter().map(|(id, why)| format!("{id}: {why}")).collect::<Vec<_>>().join("\n")
}

fn list<T: fmt::Display>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
