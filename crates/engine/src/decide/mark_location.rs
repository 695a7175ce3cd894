//! Where the owner's mark of a resource stands.

use sagewright_kinds::Kind;
use serde_json::Value;

use super::desired::Desired;

/// Where the owner's mark of a resource stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place<'k> {
    /// Among its tags, given in this member.
    Tags(&'k str),
    /// In this member of its spec.
    Member(&'k str),
    /// Nowhere: its identity says whose it is.
    None,
}

/// Where the mark of a resource with this spec stands.
pub(crate) fn place<'k>(kind: &'k Kind, desired: &Desired) -> Place<'k> {
    place_of(kind, &desired.spec)
}

/// Where the mark of a resource with this spec stands.
pub(crate) fn place_of<'k>(kind: &'k Kind, spec: &Value) -> Place<'k> {
    let tags = &kind.row().tags;
    let without = tags.unless.as_ref().is_some_and(|m| spec.get(m).is_some());
    match (kind.tags_member(), &tags.mark) {
        (Some(member), _) if !without => Place::Tags(member),
        (_, Some(mark)) => Place::Member(mark),
        _ => Place::None,
    }
}
