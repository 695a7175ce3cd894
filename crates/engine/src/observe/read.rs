//! Reads one resource, its tags and its mark.

use std::collections::BTreeMap;

use sagewright_decide::arn::arn_of;
use sagewright_decide::error::Failure;
use sagewright_decide::inputs::{Known, MarkLocation, address, mark_location};
use sagewright_decide::observed::Found;
use sagewright_decide::reading::phase_of;
use sagewright_kinds::{Kind, Phase};
use serde_json::Value;

use super::calls::{Calls, pick, unreadable};

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
