//! Resolves references.

use async_trait::async_trait;
use sagewright_decide::error::{Failure, Retryable};
use sagewright_decide::observed::{Found, Ownership};
use sagewright_decide::{Claims, Intent, WAIT};
use sagewright_kinds::{Kind, Path, Phase, find, get};
use sagewright_objects::manifest::RefUse;
use sagewright_objects::mark::Owner;
use sagewright_objects::object::{Object, ObjectId};
use serde_json::Value;

use crate::engine::lookup;
use crate::observe::Owners;
use crate::observe::calls::Calls;

/// What a reference resolves to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    /// The field of the other object has this value.
    Value(String),
    /// There is no such object, or it does not have the field: why.
    Absent(String),
}

/// Resolves references: from the objects at hand, from Kubernetes, from AWS. References to kinds of other API groups
/// (`roleRef`, security groups) are resolved here, too.
#[async_trait]
pub trait ReferenceResolver: Send + Sync {
    /// The value of a reference that the object `from` holds. An object that is to go needs only what says which resource
    /// is meant, in whatever state the other one is.
    ///
    /// # Errors
    /// A call failed, or the other resource is still at work.
    async fn resolve(&self, from: &ObjectId, reference: &RefUse, intent: Intent) -> Result<Resolution, Failure>;
}

/// The object that a reference names.
#[must_use]
pub fn target_id(reference: &RefUse, namespace: &str) -> ObjectId {
    let namespace = reference.namespace.as_deref().unwrap_or(namespace);
    ObjectId::new(&reference.target.kind, Some(namespace), &reference.name)
}

/// The value of a reference, from the object it names.
#[must_use]
pub fn value_of(reference: &RefUse, object: &Object) -> Resolution {
    let field = &reference.target.value;
    let path = Path::parse(field.trim_start_matches("spec.").trim_start_matches("status."));
    let part = if field.starts_with("status.") { &object.status } else { &object.spec };
    match get(part, &path).and_then(Value::as_str).filter(|v| !v.is_empty()) {
        Some(value) => Resolution::Value(value.to_owned()),
        None => Resolution::Absent(format!("{} has no {field} yet", object.id())),
    }
}

/// Resolves references from AWS alone.
pub(crate) struct CloudResolver<'c> {
    pub calls: &'c Calls,
    pub claims: &'c Claims,
    /// What the run knows of marks.
    pub owners: &'c Owners,
}

#[async_trait]
impl ReferenceResolver for CloudResolver<'_> {
    async fn resolve(&self, from: &ObjectId, reference: &RefUse, intent: Intent) -> Result<Resolution, Failure> {
        let id = target_id(reference, &from.namespace);
        let (kind, found) = match self.resource(reference, &id).await? {
            Ok(there) => there,
            Err(why) => return Ok(Resolution::Absent(why)),
        };
        let is = format!("{id} is in {} status", found.word);
        match found.phase {
            _ if intent == Intent::Absent => Ok(value_of(reference, &lookup::object_of(kind, &found))),
            Phase::Settled | Phase::Stopped => Ok(value_of(reference, &lookup::object_of(kind, &found))),
            phase if phase.is_final() => Ok(Resolution::Absent(is)),
            _ => Err(Failure::Retryable(Retryable {
                what: format!("use {} for {}", reference.target.value, reference.at),
                why: is,
                after: Some(WAIT),
                cause: None,
            })),
        }
    }
}

impl CloudResolver<'_> {
    /// What a reference means in AWS: the object's own resource, whatever its name, or one of the object's name that
    /// nobody owns. Why there is none, otherwise.
    async fn resource(
        &self,
        reference: &RefUse,
        id: &ObjectId,
    ) -> Result<Result<(&'static Kind, Found), String>, Failure> {
        let at = &reference.at;
        let absent = || format!("{at} refers to {id}, which is neither among these objects nor there in AWS");
        let Some(kind) = find(&id.kind) else { return Ok(Err(absent())) };
        let owner = Owner::new(&self.claims.installation, id);
        // An object's name is never one of several parts.
        let named = if kind.row().identity.name.len() < 2 {
            lookup::find(self.calls, kind, &reference.name).await?
        } else {
            None
        };
        if let Some(found) = named.as_ref().filter(|f| matches!(&f.owner, Ownership::Marked(mark) if owner.is(mark))) {
            return Ok(Ok((kind, found.clone())));
        }
        if let Some(found) = lookup::owned(self.calls, kind, &owner, self.owners).await? {
            return Ok(Ok((kind, found)));
        }
        Ok(match named {
            Some(Found { owner: Ownership::Marked(other), .. }) => Err(format!(
                "{at} refers to {id}, which is not among these objects, and the {} `{}` in AWS belongs to {}",
                id.kind,
                reference.name,
                other.words(&self.claims.installation)
            )),
            Some(found) => Ok((kind, found)),
            None => Err(absent()),
        })
    }
}
