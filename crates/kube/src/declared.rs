//! What an object declares, as far as it says whether there is something to do: from a watch, or from the document itself.

use std::collections::BTreeMap;

use sagewright_engine::watch::{ContentHash, NameHash};
use sagewright_kinds::{Kind, Path, get};
use sagewright_objects::object::{Metadata, Object, ObjectId};
use serde_json::Value;

use crate::finalizer;
use crate::generated;
use crate::queue::KindIndex;
use crate::referents::{Given, gives, is_synced, refers};
use crate::remembered::Remembered;
use crate::scope::Subject;
use crate::seen::Seen;

/// Names an object in the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) kind: KindIndex,
    pub(crate) namespace: Box<str>,
    pub(crate) name: Box<str>,
}

impl Key {
    /// The key of an object of a kind.
    pub(crate) fn of(kind: &Kind, id: &ObjectId) -> Option<Self> {
        let index = sagewright_kinds::all().iter().position(|one| std::ptr::eq(one, kind))?;
        let kind = KindIndex::try_from(index).ok()?;
        Some(Self { kind, namespace: id.namespace.as_str().into(), name: id.name.as_str().into() })
    }
}

/// What is told of an object.
#[derive(Debug, Clone)]
pub(crate) struct Declared {
    pub(crate) uid: String,
    /// Stands for spec and annotations.
    pub(crate) hash: ContentHash,
    pub(crate) deleting: bool,
    /// Whether the finalizer of its kind is there.
    pub(crate) held: bool,
    /// Its resource's name in AWS, where the object says it.
    pub(crate) resource: Option<String>,
    pub(crate) remembered: Remembered,
    /// It is as declared, by its condition.
    pub(crate) synced: bool,
    /// It has made older resources that may go.
    pub(crate) retires: bool,
    /// What it gives to those that refer to it.
    pub(crate) gives: Given,
    /// The objects that it refers to.
    pub(crate) refers: Box<[Key]>,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) region: Option<String>,
    pub(crate) known_region: Option<String>,
    pub(crate) known_account: Option<String>,
}

impl Declared {
    /// From a watch.
    pub(crate) fn seen(kind: &'static Kind, seen: Seen) -> Self {
        let meta = seen.metadata;
        let finalizers = meta.finalizers.unwrap_or_default();
        let metadata = Metadata {
            name: meta.name.unwrap_or_default(),
            namespace: meta.namespace,
            annotations: meta.annotations.unwrap_or_default().into_iter().collect(),
            ..Metadata::default()
        };
        let object = Object { metadata, spec: seen.spec, status: seen.status, ..Object::new(kind, "") };
        let deleting = meta.deletion_timestamp.is_some();
        let labels = meta.labels.unwrap_or_default();
        Self::of(kind, &object, meta.uid.unwrap_or_default(), deleting, &finalizers, labels)
    }

    /// From the document.
    pub(crate) fn document(kind: &'static Kind, object: &Object) -> Self {
        let other = &object.metadata.other;
        let uid = other.get("uid").and_then(Value::as_str).unwrap_or_default().to_owned();
        let deleting = finalizer::is_deleting(object);
        let labels = object.metadata.labels.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        Self::of(kind, object, uid, deleting, &finalizer::all(object), labels)
    }

    fn of(
        kind: &'static Kind,
        object: &Object,
        uid: String,
        deleting: bool,
        finalizers: &[String],
        labels: BTreeMap<String, String>,
    ) -> Self {
        let known = |field: &str| {
            let value = object.status.get("ackResourceMetadata")?.get(field)?.as_str()?;
            Some(value.to_owned()).filter(|text| !text.is_empty())
        };
        let remembered = Remembered::read(&object.status);
        Self {
            uid,
            hash: ContentHash::of_declared(object),
            deleting,
            held: finalizers.contains(&finalizer::name(kind)),
            resource: resource(kind, object),
            synced: is_synced(&object.status),
            retires: !remembered.generated.older(generated::kept(object)).is_empty(),
            remembered,
            gives: gives(kind, object),
            refers: refers(kind, object),
            labels,
            region: object.annotation(sagewright_objects::keys::REGION).map(str::to_owned),
            known_region: known("region"),
            known_account: known("ownerAccountID"),
        }
    }

    /// What says its scope.
    pub(crate) fn subject<'a>(&'a self, kind: &'static Kind, namespace: &'a str) -> Subject<'a> {
        Subject {
            kind,
            namespace,
            labels: &self.labels,
            region: self.region.as_deref(),
            known: (self.known_region.as_deref(), self.known_account.as_deref()),
        }
    }

    /// Stands for its resource's name.
    pub(crate) fn name_hash(&self) -> Option<NameHash> {
        self.resource.as_deref().map(NameHash::of)
    }
}

/// The name of an object's resource in AWS, as a listing says it: the ARN for kinds that AWS names.
pub(crate) fn resource(kind: &Kind, object: &Object) -> Option<String> {
    if kind.is_arn_identified() {
        return object.arn().map(str::to_owned);
    }
    let members = &kind.row().identity.name;
    let optional = &kind.row().identity.optional;
    let mut parts = Vec::new();
    for member in members {
        let path = kind.spec_path_to_crd(&Path::parse(member));
        match get(&object.spec, &path).and_then(Value::as_str) {
            Some(part) => parts.push(part.to_owned()),
            None if kind.own_name() == Some(member.as_str()) => parts.push(own_name(kind, object)?),
            None if optional.contains(member) => {}
            None => return None,
        }
    }
    Some(parts.join(" "))
}

/// The name that the object or the operator gives. Before the operator has, there is none.
fn own_name(kind: &Kind, object: &Object) -> Option<String> {
    let is_unknown = generated::is_asked_for(kind, object)
        && object.arn().is_none()
        && generated::Generated::read(&object.status).is_empty();
    (!is_unknown).then(|| generated::own_name(kind, object))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_resource_is_known_by_its_field_by_the_object_or_by_its_arn() {
        let arn = "arn:aws:sagemaker:us-east-1:123456789012:model-package/g/1";
        for (kind, spec, status, name) in [
            ("Model", json!({"modelName": "fraud"}), json!({}), Some("fraud")),
            ("Model", json!({}), json!({}), Some("mine")),
            ("ModelPackage", json!({}), json!({"ackResourceMetadata": {"arn": arn}}), Some(arn)),
            ("ModelPackage", json!({}), json!({}), None),
            ("Space", json!({"spaceName": "s"}), json!({}), None),
            ("Space", json!({"domainID": "d"}), json!({}), Some("d mine")),
        ] {
            let kind = sagewright_kinds::find(kind).unwrap();
            let object = Object { spec, status, ..Object::new(kind, "mine") };
            assert_eq!(resource(kind, &object).as_deref(), name, "{}", kind.name());
        }
    }

    #[test]
    fn a_generated_name_is_known_once_the_status_has_it() {
        let kind = sagewright_kinds::find("Model").unwrap();
        let mut object = Object::new(kind, "mine");
        object.metadata.annotations.insert(sagewright_objects::keys::GENERATE_NAME.to_owned(), "m-".to_owned());
        for (status, name, retires) in [
            (json!({}), None, false),
            (json!({"ackResourceMetadata": {"arn": "a"}}), Some("mine"), false),
            (json!({"sagewright": {"generated": {"names": ["m-1"]}}}), Some("m-1"), false),
            (json!({"sagewright": {"generated": {"names": ["m-1", "m-2"]}}}), Some("m-2"), true),
        ] {
            object.status = status;
            let declared = Declared::document(kind, &object);
            assert_eq!((declared.resource.as_deref(), declared.retires), (name, retires), "{}", object.status);
        }
        object.metadata.annotations.insert(sagewright_objects::keys::KEEP_GENERATED.to_owned(), "1".to_owned());
        assert!(!Declared::document(kind, &object).retires);
    }
}
