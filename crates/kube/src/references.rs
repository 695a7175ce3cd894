//! References, answered by the cluster: an object that is referred to has to be as declared, and to have the field.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use sagewright_decide::conditions::{SYNCED, TERMINAL};
use sagewright_decide::error::{Failure, Permanent, Retryable};
use sagewright_decide::{Intent, WAIT};
use sagewright_engine::reconcile::{ReferenceResolver, Resolution, target_id, value_of};
use sagewright_kinds::Kind;
use sagewright_objects::{Object, ObjectId, RefUse};

use crate::api::{Api, ApiError, Place};
use crate::conditions::{find, holds};
use crate::document;
use crate::generated;
use crate::referents::{Given, Relied, gives};

/// Answers the references of one object, in one look.
pub(crate) struct References<'a> {
    api: &'a Api,
    cross_namespace: bool,
    /// Objects that have to change before a reference has a value.
    waits: Mutex<Vec<(&'static Kind, ObjectId)>>,
    /// What the objects gave that are referred to.
    relied: Mutex<Relied>,
}

impl<'a> References<'a> {
    pub(crate) fn new(api: &'a Api, cross_namespace: bool) -> Self {
        Self { api, cross_namespace, waits: Mutex::default(), relied: Mutex::default() }
    }

    /// What the objects gave that are referred to.
    pub(crate) fn relied(&self) -> Given {
        self.relied.lock().unwrap_or_else(PoisonError::into_inner).word()
    }

    /// What was waited for.
    pub(crate) fn waits(self) -> Vec<(&'static Kind, ObjectId)> {
        self.waits.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl ReferenceResolver for References<'_> {
    async fn resolve(&self, from: &ObjectId, reference: &RefUse, intent: Intent) -> Result<Resolution, Failure> {
        let id = target_id(reference, &from.namespace);
        if id.namespace != from.namespace && !self.cross_namespace {
            let why =
                format!("it is in the namespace {}, and references to other namespaces are turned off", id.namespace);
            let advice = "start the controller with --enable-cross-namespace, or refer to an object of this namespace";
            return Err(Failure::Permanent(Permanent::new(what(reference, &id), why, advice)));
        }
        let failed = |error: ApiError| later(reference, &id, error.to_string());
        let (place, kind) = match &reference.target.group {
            None => {
                let kind = sagewright_kinds::find(&id.kind);
                let kind = kind.ok_or_else(|| later(reference, &id, format!("there is no kind {}", id.kind)))?;
                (Place::of(kind, &id.namespace), Some(kind))
            }
            Some(group) => (self.foreign(group, &id).await.map_err(failed)?, None),
        };
        let found = self.api.get(&place, &id.name).await.map_err(failed)?;
        let answer = found.map(|found| Object::from_value(found).ok()).map_or_else(
            || Err("there is no such object".to_owned()),
            |object| {
                if let (Some(kind), Some(object)) = (kind, &object) {
                    let mut relied = self.relied.lock().unwrap_or_else(PoisonError::into_inner);
                    relied.on(&id, gives(kind, object));
                }
                answer(reference, kind, object, intent)
            },
        );
        match answer {
            Ok(value) => Ok(value),
            Err(why) if intent == Intent::Absent => Ok(Resolution::Absent(why)),
            Err(why) => {
                if let Some(kind) = kind {
                    self.waits.lock().unwrap_or_else(PoisonError::into_inner).push((kind, id.clone()));
                }
                Err(later(reference, &id, why))
            }
        }
    }
}

impl References<'_> {
    /// Where objects of a kind of another group are, as the cluster says.
    async fn foreign(&self, group: &str, id: &ObjectId) -> Result<Place, ApiError> {
        let missing = || ApiError::new(404, format!("the cluster has no kind {} of {group}", id.kind));
        let (version, plural) = self.api.preferred(group, &id.kind).await?.ok_or_else(missing)?;
        Ok(Place::new(group, &version, Some(&id.namespace), &plural))
    }
}

/// The value that an object gives, its name among them, or why it gives none yet.
fn answer(
    reference: &RefUse,
    kind: Option<&'static Kind>,
    object: Option<Object>,
    intent: Intent,
) -> Result<Resolution, String> {
    let Some(mut object) = object else { return Err("it cannot be read".to_owned()) };
    if intent == Intent::Present {
        if let Some(terminal) = find(&object.status, TERMINAL).filter(|_| holds(&object.status, TERMINAL)) {
            return Err(format!("it has failed: {}", terminal.message.unwrap_or_default()));
        }
        if !holds(&object.status, SYNCED) {
            return Err("it is not synced yet".to_owned());
        }
        if kind.is_some_and(|kind| generated::is_asked_for(kind, &object)) && !generated::is_current(&object) {
            return Err("what it declares now has no name yet".to_owned());
        }
    }
    if let Some(kind) = kind {
        document::name(kind, &mut object);
    }
    match value_of(reference, &object) {
        Resolution::Value(value) => Ok(Resolution::Value(value)),
        Resolution::Absent(_) => Err(format!("it has no {} yet", reference.target.value)),
    }
}

fn what(reference: &RefUse, id: &ObjectId) -> String {
    format!("resolve {} to the {} {}/{}", reference.at, id.kind, id.namespace, id.name)
}

fn later(reference: &RefUse, id: &ObjectId, why: String) -> Failure {
    Failure::Retryable(Retryable { what: what(reference, id), why, after: Some(WAIT), cause: None })
}
