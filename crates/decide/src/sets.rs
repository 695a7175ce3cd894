//! Which resources belong to a set: those that are no longer declared may be pruned.

use sagewright_kinds::Kind;
use sagewright_kinds::row::DeleteHow;
use sagewright_objects::selector::Selector;

use super::desired::Desired;
use super::inputs::{MarkLocation, mark_location};
use super::intent::Adoption;

/// Why resources of a kind are never pruned.
pub fn never(kind: &Kind) -> Option<&'static str> {
    let (operations, shape) = (&kind.row().operations, |operation: &str| kind.service().input(operation));
    let ends = operations.delete.is_some() || operations.stop.is_some();
    let asks = operations.list.as_deref().and_then(shape).is_none_or(|input| !input.required.is_empty());
    let why = [
        (kind.tags_member().is_none(), "AWS takes no tags on it"),
        (!ends || kind.row().delete.how == DeleteHow::Retain, "its kind is not deleted"),
        (asks && !kind.row().identity.within.is_empty(), "AWS lists it only inside of another resource"),
        (kind.listing().is_none(), "AWS does not list it"),
    ];
    why.into_iter().find(|(is, _)| *is).map(|(_, why)| why)
}

/// Why an object's resource is never pruned: it gets no set tag.
fn exempt(kind: &Kind, desired: &Desired) -> Option<&'static str> {
    let own = [
        (desired.retain, "it is retained"),
        (desired.read_only, "it is read-only"),
        (desired.adoption == Adoption::Adopt, "it is adopted as it is"),
        (!matches!(mark_location(kind, &desired.spec), MarkLocation::Tags(_)), "AWS takes no tags on it"),
    ];
    own.into_iter().find(|(is, _)| *is).map(|(_, why)| why).or_else(|| never(kind))
}

/// The set tag that an object's resource is to have, where it has `there`. Without the label it gets none.
pub fn set_tag(kind: &Kind, desired: &Desired, there: Option<&String>) -> Option<String> {
    if exempt(kind, desired).is_some() {
        return None;
    }
    let there = there.and_then(|text| text.parse::<Selector>().ok());
    let set = [desired.set.as_deref(), there.as_ref()].into_iter().flatten().find(|set| set.selects(&desired.object));
    set.map(ToString::to_string)
}

/// A note for the user on an object whose resource leaves the set that it is of.
pub fn leaves(kind: &Kind, desired: &Desired, there: Option<&String>) -> Option<String> {
    let there = there?;
    match set_tag(kind, desired, Some(there)) {
        Some(set) if set == *there => None,
        Some(set) => Some(format!("it leaves the set {there} for {set}: a prune of {there} no longer deletes it")),
        None => Some(format!("it leaves the set {there}: no prune deletes it any more")),
    }
}

/// A note for the user on an object of a set that is never pruned.
pub fn note(kind: &Kind, desired: &Desired) -> Option<String> {
    desired.set.as_ref()?;
    exempt(kind, desired).map(|why| format!("a prune will not delete it: {why}"))
}
