//! A record of the embedded cloud's state, what identifies it, and why it could not be read or written.

use std::error::Error;
use std::fmt;

use serde_json::Value;

/// What identifies a record.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    /// Account id; empty for what is found before its account is known.
    pub account: String,
    /// Region; empty for global services.
    pub region: String,
    /// Kind, as in the ARN: `training-job`, `model`, `endpoint`, …
    pub kind: String,
    /// Name within the kind; `group/3` for a model package version.
    pub name: String,
}

impl Key {
    /// A key from its parts.
    pub fn new(account: &str, region: &str, kind: &str, name: &str) -> Self {
        Self { account: account.into(), region: region.into(), kind: kind.into(), name: name.into() }
    }
}

/// One resource.
#[derive(Clone, PartialEq)]
pub struct Record {
    /// What identifies it.
    pub key: Key,
    /// Its ARN.
    pub arn: String,
    /// Its status, for listings and for what is found in progress after a restart.
    pub status: String,
    /// When it was made, milliseconds since 1970.
    pub created: i64,
    /// When it was last changed, milliseconds since 1970.
    pub modified: i64,
    /// The rest, as the service wants it.
    pub body: Value,
}

// Bodies hold secrets: those of access keys, and what users give to jobs as environment.
impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("key", &self.key)
            .field("arn", &self.arn)
            .field("status", &self.status)
            .field("created", &self.created)
            .field("modified", &self.modified)
            .finish_non_exhaustive()
    }
}

/// What is the matter with a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Its disk is full.
    Full,
    /// This process may not open or write it.
    Denied,
    /// Another process holds it.
    Busy,
    /// Anything else.
    Other,
}

/// Why state could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database failed.
    #[error("the embedded cloud's state could not be {verb}: {source}")]
    Database {
        /// What was tried.
        verb: &'static str,
        /// What is the matter.
        fault: Fault,
        /// Cause.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A newer Sagewright made the database.
    #[error("the database has format {found}, and this version knows up to {known}; update Sagewright")]
    Newer {
        /// Its format.
        found: i64,
        /// The newest format known here.
        known: i64,
    },
    /// An earlier Sagewright made the database, and may be using it.
    #[error(
        "the database has format {found}, and this version uses {known}; start the embedded cloud with this version first"
    )]
    Older {
        /// Its format.
        found: i64,
        /// The format of this version.
        known: i64,
    },
    /// Others change a record faster than this writer.
    #[error("the {kind} {name} is changed by too many requests at once; try again")]
    Busy {
        /// Kind of the record.
        kind: String,
        /// Its name.
        name: String,
    },
    /// A commit failed together with others.
    #[error("{0}")]
    Refused(String),
    /// The store ended before it answered.
    #[error("the embedded cloud's state is closed")]
    Closed,
    /// A stored body is not JSON.
    #[error("the stored {kind} {name} is damaged: {source}; `sagewright local reset` starts over")]
    Damaged {
        /// Kind of the record.
        kind: String,
        /// Its name.
        name: String,
        /// Cause.
        source: serde_json::Error,
    },
}

impl StoreError {
    /// Whether to try again changes nothing: what is stored is damaged. A full disk may have room again.
    #[must_use]
    pub fn is_lasting(&self) -> bool {
        matches!(self, Self::Damaged { .. } | Self::Newer { .. } | Self::Older { .. })
    }
}
