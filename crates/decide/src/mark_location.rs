//! Where the mark of a resource is kept.

use sagewright_kinds::Kind;
use serde_json::Value;

/// Where the mark of a resource is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarkLocation<'k> {
    /// Among its tags, given in this member.
    Tags(&'k str),
    /// In this member of its spec.
    Member(&'k str),
    /// Nowhere: its identity says whose it is.
    None,
}

/// Where the mark of a resource with this spec is kept.
pub fn mark_location<'k>(kind: &'k Kind, spec: &Value) -> MarkLocation<'k> {
    let tags = &kind.row().tags;
    let without = tags.unless.as_ref().is_some_and(|m| spec.get(m).is_some());
    match (kind.tags_member(), &tags.mark) {
        (Some(member), _) if !without => MarkLocation::Tags(member),
        (_, Some(mark)) => MarkLocation::Member(mark),
        _ => MarkLocation::None,
    }
}
