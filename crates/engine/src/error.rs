//! Errors. Permanent and retryable failures are different types.

use std::fmt;
use std::time::Duration;

use sagewright_objects::manifest::ManifestError;
use sagewright_objects::object::ObjectId;
use sagewright_port::cloud::{Class, CloudError};
use serde::{Deserialize, Serialize};

/// A failure that trying again cannot help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Permanent {
    /// What was tried, on what: `create training job mnist`.
    pub what: String,
    /// Why it failed.
    pub why: String,
    /// What to do.
    pub advice: String,
    /// AWS's answer, where there was one.
    #[source]
    pub cause: Option<Box<CloudError>>,
}

impl Permanent {
    /// A failure without an answer of AWS.
    #[must_use]
    pub fn new(what: String, why: String, advice: &str) -> Self {
        Self { what, why, advice: advice.to_owned(), cause: None }
    }
}

/// A failure that may pass.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Retryable {
    /// What was tried, on what.
    pub what: String,
    /// Why it failed.
    pub why: String,
    /// When to try again, where the service says so.
    #[serde(with = "sagewright_port::durations::seconds_or_none", default)]
    pub after: Option<Duration>,
    /// AWS's answer, where there was one.
    #[source]
    pub cause: Option<Box<CloudError>>,
}

impl Retryable {
    /// How soon it may pass. What a kind's row calls retryable passes soon, whatever its code.
    #[must_use]
    pub fn class(&self) -> Class {
        self.cause.as_deref().map(CloudError::class).filter(|class| class.is_retryable()).unwrap_or(Class::Transient)
    }
}

impl fmt::Display for Permanent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {}: {}", self.what, self.why)?;
        if self.advice.is_empty() { Ok(()) } else { write!(f, "; {}", self.advice) }
    }
}

impl fmt::Display for Retryable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} for now: {}", self.what, self.why)
    }
}

/// A failed call or decision about one object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "failure")]
pub enum Failure {
    /// Trying again cannot help.
    #[error(transparent)]
    Permanent(#[from] Permanent),
    /// Trying again may help.
    #[error(transparent)]
    Retryable(#[from] Retryable),
}

impl Failure {
    /// AWS's answer, where there was one.
    #[must_use]
    pub fn cause(&self) -> Option<&CloudError> {
        match self {
            Self::Permanent(p) => p.cause.as_deref(),
            Self::Retryable(r) => r.cause.as_deref(),
        }
    }
}

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
