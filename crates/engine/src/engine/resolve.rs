//! Values of references that only the cloud can tell.

use sagewright_kinds::{Path, Phase, find, get};
use serde_json::Value;

use super::graph::target_id;
use super::{Engine, lookup};
use crate::decide::Desired;
use crate::error::Failure;
use crate::manifest::RefUse;
use crate::object::{Object, ObjectId};

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

    /// The value of a reference to a resource that is not declared here.
    async fn outside(&self, reference: &RefUse, id: &ObjectId) -> Result<String, Unresolved> {
        let absent = || {
            Unresolved::Absent(format!(
                "{} refers to {id}, which is neither among these objects nor a {} of that name in AWS",
                reference.at, id.kind
            ))
        };
        let kind = find(&id.kind).ok_or_else(absent)?;
        let found = lookup::one(&self.calls, kind, &reference.name).await.map_err(Unresolved::Failed)?;
        let found = found.ok_or_else(absent)?;
        if !matches!(found.phase, Phase::Settled | Phase::Stopped) {
            return Err(Unresolved::Absent(format!("{id} is in {} status", found.word)));
        }
        value_of(reference, &lookup::object_of(kind, &found))
    }
}
