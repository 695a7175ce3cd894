//! What was found of a resource.

use std::collections::BTreeMap;

use sagewright_kinds::Phase;
use sagewright_model::Region;
use sagewright_objects::mark::Owner;
use serde_json::Value;

/// What was found of a resource.
#[derive(Debug, Clone, PartialEq)]
pub enum Observed {
    /// It is not there.
    Missing {
        /// Another resource that bears the object's mark: its name changed in the manifest.
        elsewhere: Option<Elsewhere>,
    },
    /// It is there.
    Found(Box<Found>),
}

/// A resource that bears an object's mark where the object does not declare one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elsewhere {
    /// Its name in AWS.
    pub name: String,
    /// Its region, where that is not the declared one.
    pub region: Option<Region>,
}

impl From<String> for Elsewhere {
    fn from(name: String) -> Self {
        Self { name, region: None }
    }
}

impl From<&str> for Elsewhere {
    fn from(name: &str) -> Self {
        name.to_owned().into()
    }
}

impl Observed {
    /// Not there, and nothing else bears its mark.
    pub const MISSING: Self = Self::Missing { elsewhere: None };

    /// The resource, where it is there.
    #[must_use]
    pub fn found(&self) -> Option<&Found> {
        match self {
            Self::Found(found) => Some(found),
            Self::Missing { .. } => None,
        }
    }
}

/// A resource that is there.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Its name in AWS; the ARN for kinds that AWS names.
    pub name: String,
    /// Its ARN.
    pub arn: Option<String>,
    /// What the read gave, under AWS names.
    pub output: Value,
    /// The spec in it, under Kubernetes names.
    pub spec: Value,
    /// The status in it, under Kubernetes names.
    pub status: Value,
    /// Its tags, ours among them.
    pub tags: BTreeMap<String, String>,
    /// Whose it is.
    pub owner: Ownership,
    /// Where it is in its life.
    pub phase: Phase,
    /// AWS's status word; empty for kinds without.
    pub word: String,
    /// The finer status.
    pub secondary: Option<String>,
    /// The reason of a failure.
    pub reason: Option<String>,
    /// ARNs of further resources that bear its owner's mark: of those that AWS names, two commands may each make one.
    pub twins: Vec<String>,
}

/// Whose a resource is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ownership {
    /// It bears this mark.
    Marked(Owner),
    /// It bears a mark that names no owner.
    Unreadable(String),
    /// It bears none.
    Unmarked,
    /// Its kind has no place for a mark: whoever names it owns it.
    ByIdentity,
}
