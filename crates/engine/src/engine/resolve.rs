//! Values of references that only the cloud can tell.

use sagewright_kinds::{Kind, Path, Phase, find, get};
use serde_json::Value;

use super::graph::target_id;
use super::{Engine, lookup};
use crate::decide::{Desired, WAIT};
use crate::error::{Failure, Retryable};
use crate::manifest::RefUse;
use crate::mark::Owner;
use crate::object::{Object, ObjectId};
use crate::observe::{Found, Ownership};

/// Why a reference has no value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Unresolved {
    /// The object is not there, or does not have the field (yet).
    Absent(String),
    /// A call failed.
    Failed(Failure),
}

/// The value of a reference, from the object it names.
pub(crate) fn value_of(reference: &RefUse, object: &Object) -> Result<String, Unresolved> {
    let field = &reference.target.value;
    let path = Path::parse(field.trim_start_matches("spec.").trim_start_matches("status."));
    let part = if field.starts_with("status.") { &object.status } else { &object.spec };
    match get(part, &path).and_then(Value::as_str).filter(|v| !v.is_empty()) {
        Some(value) => Ok(value.to_owned()),
        None => Err(Unresolved::Absent(format!("{} has no {field} yet", object.id()))),
    }
}

impl Engine {
    /// Fills every pending reference: from objects of the set by `known`, from the cloud otherwise.
    pub(crate) async fn resolve(
        &self,
        desired: &mut Desired,
        known: &(dyn Fn(&ObjectId) -> Option<Object> + Send + Sync),
    ) -> Result<(), Unresolved> {
        let namespace = desired.object.id().namespace;
        for pending in desired.pending.clone() {
            let reference = &pending.reference;
            let id = target_id(reference, &namespace);
            let value = match known(&id) {
                Some(object) => value_of(reference, &object)?,
                None => self.outside(reference, &id).await?,
            };
            desired.fill(&reference.path, &value);
        }
        Ok(())
    }

    /// Fills the references that say which resource is meant; the others do not matter to a delete.
    pub(crate) async fn resolve_identity(&self, desired: &mut Desired, row: &Kind) -> Result<(), Unresolved> {
        let identity = &row.row().identity;
        for pending in desired.pending.clone() {
            let reference = &pending.reference;
            let first = reference.path.first().unwrap_or_default();
            if !identity.name.iter().chain(&identity.within).any(|m| m == first) {
                continue;
            }
            let id = target_id(reference, &desired.object.id().namespace);
            let value = match self.referent(reference, &id).await? {
                (kind, Referent::Found(found)) => value_of(reference, &lookup::object_of(kind, &found))?,
                // What it was part of may be gone before it; a plain name is known all the same.
                (kind, Referent::Absent) if kind.name_field().as_ref() == Some(&reference.target.value) => {
                    reference.name.clone()
                }
                (_, other) => return Err(other.absent(reference, &id)),
            };
            desired.fill(&reference.path, &value);
        }
        Ok(())
    }

    /// The value of a reference to a resource that is not declared here.
    async fn outside(&self, reference: &RefUse, id: &ObjectId) -> Result<String, Unresolved> {
        let (kind, found) = match self.referent(reference, id).await? {
            (kind, Referent::Found(found)) => (kind, found),
            (_, other) => return Err(other.absent(reference, id)),
        };
        let is = format!("{id} is in {} status", found.word);
        match found.phase {
            Phase::Settled | Phase::Stopped => value_of(reference, &lookup::object_of(kind, &found)),
            phase if phase.is_final() => Err(Unresolved::Absent(is)),
            _ => Err(Unresolved::Failed(Failure::Retryable(Retryable {
                what: format!("use {} for {}", reference.target.value, reference.at),
                why: is,
                after: Some(WAIT),
                cause: None,
            }))),
        }
    }

    /// What a reference means in AWS: the object's own resource, whatever its name, or one of the object's name that
    /// nobody owns.
    async fn referent(&self, reference: &RefUse, id: &ObjectId) -> Result<(&'static Kind, Referent), Unresolved> {
        let Some(kind) = find(&id.kind) else { return Err(Referent::Absent.absent(reference, id)) };
        let owner = Owner::new(&self.claims.installation, id);
        // An object's name is never one of several parts.
        let named = if kind.row().identity.name.len() < 2 {
            lookup::one(&self.calls, kind, &reference.name).await.map_err(Unresolved::Failed)?
        } else {
            None
        };
        if let Some(found) = named.as_ref().filter(|f| matches!(&f.owner, Ownership::Marked(mark) if owner.is(mark))) {
            return Ok((kind, Referent::Found(Box::new(found.clone()))));
        }
        if let Some(found) = lookup::owned(&self.calls, kind, &owner).await.map_err(Unresolved::Failed)? {
            return Ok((kind, Referent::Found(Box::new(found))));
        }
        Ok((
            kind,
            match named {
                Some(Found { owner: Ownership::Marked(other), .. }) => {
                    Referent::Foreign(other.words(&self.claims.installation))
                }
                Some(found) => Referent::Found(Box::new(found)),
                None => Referent::Absent,
            },
        ))
    }
}

/// What a reference to something that is not declared here leads to.
enum Referent {
    Found(Box<Found>),
    /// The resource of that name belongs to this object (in words).
    Foreign(String),
    Absent,
}

impl Referent {
    fn absent(&self, reference: &RefUse, id: &ObjectId) -> Unresolved {
        let at = &reference.at;
        Unresolved::Absent(match self {
            Self::Foreign(owner) => format!(
                "{at} refers to {id}, which is not among these objects, and the {} `{}` in AWS belongs to {owner}",
                id.kind, reference.name
            ),
            _ => format!("{at} refers to {id}, which is neither among these objects nor there in AWS"),
        })
    }
}
