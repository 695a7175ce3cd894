//! Gives an object's references their values.

use sagewright_decide::error::{Failure, Permanent};
use sagewright_decide::{Desired, Intent};
use sagewright_kinds::{Kind, Path};

use super::super::{ReferenceResolver, Resolution};

/// Gives references their values. A resource that is to go needs only those that say which one is meant, and what it
/// serves.
pub(crate) async fn resolve(
    kind: &Kind,
    desired: &mut Desired,
    resolver: &dyn ReferenceResolver,
) -> Result<(), Failure> {
    let (id, intent) = (desired.object.id(), desired.intent);
    let row = kind.row();
    let serves = row.delete.serves.as_deref().map(Path::parse).filter(|_| !desired.force);
    for pending in desired.pending.clone() {
        let reference = &pending.reference;
        let first = reference.path.first().unwrap_or_default();
        let identifies = kind.identity_members().any(|m| m == first);
        let says_content = serves.as_ref() == Some(&reference.path);
        if intent == Intent::Absent && !identifies && !says_content {
            continue;
        }
        let value = match resolver.resolve(&id, reference, intent).await? {
            Resolution::Value(value) => value,
            // What it was part of may be gone before it; a plain name is known all the same.
            Resolution::Absent(_) if intent == Intent::Absent && names_itself(reference) => reference.name.clone(),
            // What it leads to may belong to another object by now: then the value stays unknown.
            Resolution::Absent(_) if intent == Intent::Absent && !identifies => continue,
            Resolution::Absent(why) => return Err(unresolved(kind, desired, why)),
        };
        desired.fill(&reference.path, &value);
    }
    Ok(())
}

/// Whether a reference's value is the other resource's name, as the reference says it.
fn names_itself(reference: &sagewright_objects::manifest::RefUse) -> bool {
    let target = sagewright_kinds::find(&reference.target.kind);
    target.is_some_and(|kind| kind.name_field().as_ref() == Some(&reference.target.value))
}

/// Why a reference cannot be resolved, as a failure.
pub(crate) fn unresolved(kind: &Kind, desired: &Desired, why: String) -> Failure {
    let what = format!("resolve the references of the {} `{}`", kind.words(), desired.object.metadata.name);
    Failure::Permanent(Permanent::new(what, why, "declare what it refers to, or correct the name"))
}
