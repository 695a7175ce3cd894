//! Failures: those that trying again cannot help, and those that may pass.

use std::fmt;
use std::time::Duration;

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
        if self.advice.is_empty() {
            return write!(f, "cannot {}: {}", self.what, self.why);
        }
        // AWS's words are sentences.
        write!(f, "cannot {}: {}; {}", self.what, self.why.trim_end_matches('.'), self.advice)
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
