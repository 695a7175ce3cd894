//! Reads one resource, its tags and its mark.

use std::collections::BTreeMap;

use sagewright_kinds::{Kind, Path, Phase, get, values};
use sagewright_objects::keys;
use sagewright_objects::mark;
use serde_json::Value;

use super::arn::arn_of;
use super::calls::{Calls, pick, unreadable};
use super::{Found, Ownership};
use crate::decide::inputs::{Known, MarkLocation, address, mark_location};
use crate::error::Failure;

/// What was found, with its tags. What went away before its tags were read is [`Phase::Gone`].
pub(crate) async fn complete_found(calls: &Calls, kind: &Kind, output: Value) -> Result<Found, Failure> {
    let arn = arn_of(kind, &output);
    // What is gone and can still be read has no tags any more: AWS refuses to list them.
    let takes_tags = phase_of(kind, &output) != Phase::Gone
        && matches!(mark_location(kind, &kind.spec_of(&output)), MarkLocation::Tags(_));
    let Some(arn) = arn.filter(|_| takes_tags) else { return Ok(Found::new(kind, output, BTreeMap::new())) };
    if let Some(tags) = calls.tags(kind, &arn).await? {
        return Ok(Found::new(kind, output, tags));
    }
    // A resource without its tags would be nobody's. It went away meanwhile, or its tags show later than it does.
    let spec = kind.spec_of(&output);
    match read_output(calls, kind, Known { spec: Some(&spec), arn: Some(&arn), output: Some(&output) }).await? {
        Some(_) => Err(unreadable(
            kind,
            &kind.tag_operations().map(|tags| tags.list.clone()).unwrap_or_default(),
            "does not know the resource",
        )),
        None => Ok(Found { phase: Phase::Gone, ..Found::new(kind, output, BTreeMap::new()) }),
    }
}

/// What a read gives, for what is known of a resource.
pub(crate) async fn read_output(calls: &Calls, kind: &Kind, known: Known<'_>) -> Result<Option<Value>, Failure> {
    let operation = &kind.row().operations.read;
    let Some(input) = address(kind, "read", operation, known) else { return Ok(None) };
    let output = calls.read(kind, operation, &input).await?.and_then(|o| pick(kind, o, known.spec));
    // Whose a resource is stands in its tags, and those are found by its ARN.
    if output.as_ref().is_some_and(|o| arn_of(kind, o).is_none()) && kind.tags_member().is_some() {
        return Err(unreadable(kind, operation, "shows no ARN"));
    }
    Ok(output)
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
            spec: kind.spec_to_crd(&crate::decide::diff::observed_spec(kind, &output)),
            status: crate::quirks::status(kind, kind.status_of(&output), &tags),
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
pub(crate) fn phase_of(kind: &Kind, output: &Value) -> Phase {
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
pub(crate) fn member_mark(spec: &Value, member: &str) -> Option<String> {
    match get(spec, &Path::parse(member))? {
        Value::Object(map) => map.get(keys::OWNER)?.as_str().map(str::to_owned),
        Value::String(text) => mark::split_suffix(text).1.map(|owner| owner.to_string()),
        _ => None,
    }
}
