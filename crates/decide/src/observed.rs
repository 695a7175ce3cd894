//! What was found of a resource.

use std::collections::BTreeMap;

use sagewright_kinds::{Kind, Path, Phase, get, values};
use sagewright_model::Region;
use sagewright_objects::mark::Owner;
use sagewright_objects::{keys, mark};
use serde_json::Value;

use crate::arn::arn_of;
use crate::diff::observed_spec;
use crate::mark_location::{MarkLocation, mark_location};
use crate::quirks;

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

impl Found {
    /// Makes an observation of a read's output (AWS names) and tags.
    #[must_use]
    pub fn new(kind: &Kind, output: Value, tags: BTreeMap<String, String>) -> Self {
        let status = &kind.row().status;
        let text = |path: &Option<String>| text_at(&output, path);
        let word = text(&status.member);
        let arn = arn_of(kind, &output);
        let spec = kind.spec_of(&output);
        let name = kind.name_of(&spec).or_else(|| arn.clone()).unwrap_or_default();
        let phase = phase(kind, word.as_deref());
        let owner = match mark_location(kind, &spec) {
            // Without an ARN tags can be neither read nor written.
            MarkLocation::Tags(_) if arn.is_some() => marked(tags.get(keys::OWNER).map(String::as_str)),
            MarkLocation::Member(member) => marked(member_mark(&spec, member).as_deref()),
            _ => Ownership::ByIdentity,
        };
        Self {
            name,
            spec: kind.spec_to_crd(&observed_spec(kind, &output)),
            status: quirks::status(kind, kind.status_of(&output), &tags),
            owner,
            phase,
            word: word.unwrap_or_default(),
            secondary: text(&status.secondary),
            reason: text(&status.reason),
            arn,
            output,
            tags,
            twins: Vec::new(),
        }
    }
}

/// Where a resource is in its life, by what a read gives.
pub fn phase_of(kind: &Kind, output: &Value) -> Phase {
    phase(kind, text_at(output, &kind.row().status.member).as_deref())
}

fn phase(kind: &Kind, word: Option<&str>) -> Phase {
    let status = &kind.row().status;
    match (&status.member, word) {
        (None, _) => Phase::Settled,
        (Some(_), Some(word)) => kind.phase(word),
        (Some(_), None) if status.optional => Phase::Settled,
        (Some(_), None) => Phase::Unknown,
    }
}

/// The first text at a path.
fn text_at(output: &Value, path: &Option<String>) -> Option<String> {
    let path = Path::parse(path.as_deref()?);
    let mut texts = values(output, &path).into_iter().filter_map(|(_, value)| value.as_str());
    texts.find(|t| !t.is_empty()).map(str::to_owned)
}

fn marked(mark: Option<&str>) -> Ownership {
    let Some(text) = mark else { return Ownership::Unmarked };
    text.parse().map_or_else(|_| Ownership::Unreadable(text.to_owned()), Ownership::Marked)
}

/// The mark in a member: a key of a map, or the end of a text.
pub fn member_mark(spec: &Value, member: &str) -> Option<String> {
    match get(spec, &Path::parse(member))? {
        Value::Object(map) => map.get(keys::OWNER)?.as_str().map(str::to_owned),
        Value::String(text) => mark::split_suffix(text).1.map(|owner| owner.to_string()),
        _ => None,
    }
}
