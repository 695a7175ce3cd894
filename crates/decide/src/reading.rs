//! What a read's output says of a resource.

use std::collections::BTreeMap;

use sagewright_kinds::{Kind, Path, Phase, get, values};
use sagewright_objects::{keys, mark};
use serde_json::Value;

use crate::arn::arn_of;
use crate::diff::observed_spec;
use crate::mark_location::{MarkLocation, mark_location};
use crate::observed::{Found, Ownership};
use crate::quirks;

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
