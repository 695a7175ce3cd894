//! The objects of today's kinds that a legacy object stands for, as they are in the cluster.

use std::collections::BTreeMap;

use sagewright_kinds::Kind;
use sagewright_legacy::kinds::Becomes;
use sagewright_legacy::{GROUP, LegacyKind, VERSION, content_name};
use sagewright_objects::{Object, keys};
use serde_json::{Value, json};

use super::Owner;
use crate::api::{Api, ApiError, Place};
use crate::finalizer;

/// Label of children: the legacy object's uid. A name may be longer than a label's value.
pub(crate) const OWNER: &str = "legacy.sagewright.dev/uid";
/// Annotation of children: the legacy object, `KIND/NAME`.
pub(crate) const OWNER_NAME: &str = "legacy.sagewright.dev/object";
/// Annotation of children that are never updated: the name that the legacy object gives them.
const NAME: &str = "legacy.sagewright.dev/name";
/// Annotation of children that are never updated: the name that follows from their content.
const CONTENT: &str = "legacy.sagewright.dev/content";

/// Today's kinds that children are of, in the order in which they are deleted: what uses others goes first.
pub(crate) fn kinds(of: &[&'static LegacyKind]) -> Vec<&'static Kind> {
    let mut names: Vec<&str> = Vec::new();
    for legacy in of {
        names.extend(names_of(legacy));
    }
    let mut found: Vec<&'static Kind> = Vec::new();
    for kind in names.into_iter().filter_map(sagewright_kinds::find) {
        if !found.iter().any(|other| std::ptr::eq(*other, kind)) {
            found.push(kind);
        }
    }
    found
}

fn names_of(legacy: &LegacyKind) -> Vec<&'static str> {
    match legacy.becomes {
        Becomes::One { kind, .. } => vec![kind],
        Becomes::Hosting => vec!["Endpoint", "EndpointConfig", "Model"],
        Becomes::Scaling => vec!["ScalingPolicy", "ScalableTarget"],
    }
}

/// A child in the cluster.
pub(super) struct Child {
    pub(super) kind: &'static Kind,
    pub(super) object: Object,
}

impl Child {
    fn read(kind: &'static Kind, value: Value) -> Result<Self, ApiError> {
        let object = Object::from_value(value).map_err(|error| ApiError::new(0, error.message))?;
        Ok(Self { kind, object })
    }

    pub(super) fn is_deleting(&self) -> bool {
        finalizer::is_deleting(&self.object)
    }

    /// The status and message of a condition.
    pub(super) fn condition(&self, name: &str) -> Option<(&str, &str)> {
        let all = self.object.status.get("conditions")?.as_array()?;
        let one = all.iter().find(|one| one.get("type").and_then(Value::as_str) == Some(name))?;
        let text = |field: &str| one.get(field).and_then(Value::as_str).unwrap_or_default();
        Some((text("status"), text("message")))
    }

    /// Whether it is the child of this kind and name.
    pub(super) fn is(&self, kind: &Kind, name: &str) -> bool {
        std::ptr::eq(self.kind, kind) && self.object.metadata.name == name
    }

    /// Its name as the legacy object gives it.
    pub(super) fn name(&self) -> &str {
        self.object.annotation(NAME).unwrap_or(&self.object.metadata.name)
    }

    pub(super) fn is_ready(&self) -> bool {
        self.condition("Ready").is_some_and(|(status, _)| status == "True")
    }

    /// Why it is not as it should be; empty where it is, or is becoming so.
    pub(super) fn trouble(&self) -> &str {
        let trouble = |name| self.condition(name).filter(|(status, _)| *status == "True").map(|(_, message)| message);
        trouble("ACK.Terminal").or_else(|| trouble("ACK.Recoverable")).unwrap_or_default()
    }
}

/// The children of a legacy object that are there, in the order of [`kinds`].
pub(super) async fn all(
    api: &Api,
    legacy: &'static LegacyKind,
    owner: &Owner,
    uid: &str,
) -> Result<Vec<Child>, ApiError> {
    let mut found = Vec::new();
    for kind in kinds(&[legacy]) {
        let place = Place::of(kind, &owner.namespace);
        for value in api.list(&place, &format!("{OWNER}={uid}")).await? {
            found.push(Child::read(kind, value)?);
        }
    }
    Ok(found)
}

/// Names of resources that are there, by the names that follow from their content.
pub(super) fn known_names(children: &[Child]) -> BTreeMap<String, String> {
    let name =
        |child: &Child| Some((child.object.annotation(CONTENT)?.to_owned(), content_name(&child.object)?.to_owned()));
    children.iter().filter_map(name).collect()
}

/// Children that scale a variant keep their names, wherever the variant stands in its list now: a second object for the same variant
/// would be refused, since the first one manages it. `owner` begins the names of others.
pub(super) fn name_by_variant(objects: &mut [Object], there: &[Child], owner: &str) {
    let mut taken: Vec<(String, String)> = there.iter().map(|child| name_of(&child.object)).collect();
    for object in objects {
        let same = |child: &&Child| {
            child.object.kind == object.kind && child.object.spec.get("resourceID") == object.spec.get("resourceID")
        };
        if let Some(child) = there.iter().find(same) {
            object.metadata.name.clone_from(&child.object.metadata.name);
            continue;
        }
        let mut number = 0;
        while taken.contains(&name_of(object)) {
            object.metadata.name = format!("{owner}-{number}");
            number += 1;
        }
        taken.push(name_of(object));
    }
}

/// An object's kind and name.
fn name_of(object: &Object) -> (String, String) {
    (object.kind.clone(), object.metadata.name.clone())
}

/// What a child does with its resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    Makes,
    /// It is there already, and becomes the child's own.
    TakesOver,
    /// It is somebody else's, and only read.
    Mirrors,
}

/// The labels by which an object is watched, where labels select objects.
pub(super) fn selected(document: &Object, selector: &Option<String>) -> Vec<(String, String)> {
    let selecting = selector.as_deref().map(keys_of).unwrap_or_default();
    let labels = document.metadata.labels.iter().filter(|(key, _)| selecting.contains(&key.as_str()));
    labels.map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// What is written of a child: it belongs to the legacy object, and says what it was made from. `selector` says which objects
/// are watched: the child has the labels by which its owner is.
pub(super) fn declared(
    mut object: Object,
    (owner, document): (&Owner, &Object),
    selector: &Option<String>,
    content: Option<String>,
    how: How,
) -> Value {
    let metadata = &mut object.metadata;
    let uid = document.metadata.other.get("uid").cloned().unwrap_or_default();
    metadata.labels.extend(selected(document, selector));
    metadata.labels.insert(OWNER.to_owned(), uid.as_str().unwrap_or_default().to_owned());
    metadata.annotations.insert(OWNER_NAME.to_owned(), id(owner));
    // What the user says of the legacy object is meant of its resources.
    let said = document.metadata.annotations.iter().filter(|(key, _)| key.contains("services.k8s.aws/"));
    metadata.annotations.extend(said.map(|(key, value)| (key.clone(), value.clone())));
    match how {
        How::Makes => {}
        How::TakesOver => {
            drop(metadata.annotations.insert(keys::ADOPTION_POLICY.to_owned(), "adopt-or-create".to_owned()))
        }
        How::Mirrors => {
            metadata.annotations.swap_remove(keys::ADOPTION_POLICY);
            metadata.annotations.insert(keys::READ_ONLY.to_owned(), "true".to_owned());
        }
    }
    if let Some(content) = content {
        let name = in_cluster(content_name(&object).unwrap_or_default());
        let name = std::mem::replace(&mut object.metadata.name, name);
        object.metadata.annotations.insert(NAME.to_owned(), name);
        object.metadata.annotations.insert(CONTENT.to_owned(), content);
    }
    object.metadata.other.insert(
        "ownerReferences".to_owned(),
        json!([{"apiVersion": format!("{GROUP}/{VERSION}"), "kind": owner.kind, "name": owner.name, "uid": uid,
            "controller": true}]),
    );
    object.to_value()
}

/// Has children refer to each other where they name each other's resources: what uses another one is made after it.
pub(super) fn link(objects: &mut [Object]) {
    let of = |kind: &str| -> Vec<String> {
        let those = objects.iter().filter(|object| object.kind == kind);
        those.filter_map(|object| content_name(object).map(str::to_owned)).collect()
    };
    let (models, configs) = (of("Model"), of("EndpointConfig"));
    for object in objects {
        match object.kind.as_str() {
            "Endpoint" => refer(&mut object.spec, "endpointConfigName", "endpointConfigRef", &configs),
            "EndpointConfig" => {
                let variants = object.spec.get_mut("productionVariants").and_then(Value::as_array_mut);
                variants.into_iter().flatten().for_each(|variant| refer(variant, "modelName", "modelRef", &models));
            }
            _ => {}
        }
    }
}

/// A reference in the place of a name, where that is the name of one of these.
fn refer(fields: &mut Value, name: &str, reference: &str, of: &[String]) {
    let Some(fields) = fields.as_object_mut() else { return };
    let resource = fields.get(name).and_then(Value::as_str).filter(|name| of.iter().any(|other| other == name));
    let Some(object) = resource.map(in_cluster) else { return };
    fields.remove(name);
    fields.insert(reference.to_owned(), json!({"from": {"name": object}}));
}

/// The words of a selector; the keys of its labels are among them.
fn keys_of(selector: &str) -> Vec<&str> {
    selector.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '/'))).collect()
}

/// `KIND/NAME`
fn id(owner: &Owner) -> String {
    format!("{}/{}", owner.kind, owner.name)
}

/// The name of a document.
pub(super) fn name(document: &Value) -> &str {
    document.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default()
}

/// Whether the cluster has an object of a child's name that was not made for its owner.
pub(super) async fn is_of_others(
    api: &Api,
    kind: &Kind,
    namespace: &str,
    declared: &Value,
    owner: &Owner,
) -> Result<bool, ApiError> {
    let Some(found) = api.get(&Place::of(kind, namespace), name(declared)).await? else { return Ok(false) };
    let made_for = found.pointer("/metadata/annotations").and_then(|all| all.get(OWNER_NAME)).and_then(Value::as_str);
    Ok(made_for != Some(&id(owner)))
}

/// A name of a resource as Kubernetes takes it for an object: small letters.
fn in_cluster(resource: &str) -> String {
    resource.to_ascii_lowercase()
}

/// Writes a child, and gives it as it then is.
pub(super) async fn apply(api: &Api, kind: &'static Kind, namespace: &str, value: &Value) -> Result<Child, ApiError> {
    Child::read(kind, api.apply(&Place::of(kind, namespace), name(value), value).await?)
}

/// Has a child deleted; its own finalizer keeps it until its resource is gone.
pub(super) async fn delete(api: &Api, child: &Child) -> Result<(), ApiError> {
    if child.is_deleting() {
        return Ok(());
    }
    let metadata = &child.object.metadata;
    let place = Place::of(child.kind, metadata.namespace.as_deref().unwrap_or("default"));
    api.delete(&place, &metadata.name).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_refer_to_the_models_and_the_config_of_their_own_deployment() {
        let object = |kind: &str, spec: Value| {
            let kind = sagewright_kinds::find(kind).unwrap();
            Object { spec, ..Object::new(kind, "mnist") }
        };
        let mut objects = [
            object("Model", json!({"modelName": "Mnist-1"})),
            object(
                "EndpointConfig",
                json!({"endpointConfigName": "Config-1", "productionVariants": [
                    {"variantName": "own", "modelName": "Mnist-1"}, {"variantName": "other", "modelName": "elsewhere"},
                ]}),
            ),
            object("Endpoint", json!({"endpointName": "mnist", "endpointConfigName": "Config-1"})),
        ];
        link(&mut objects);
        let [_, config, endpoint] = objects;
        assert_eq!(
            config.spec["productionVariants"],
            json!([
                {"variantName": "own", "modelRef": {"from": {"name": "mnist-1"}}},
                {"variantName": "other", "modelName": "elsewhere"},
            ])
        );
        let expected = json!({"endpointName": "mnist", "endpointConfigRef": {"from": {"name": "config-1"}}});
        assert_eq!(endpoint.spec, expected);
    }

    fn scaled(kind: &str, name: &str, resource: &str) -> Object {
        let kind = sagewright_kinds::find(kind).unwrap();
        Object { spec: json!({"resourceID": resource}), ..Object::new(kind, name) }
    }

    #[test]
    fn what_scales_a_variant_keeps_its_name() {
        // (children that are there, what is declared by its place in the list, names)
        for (there, declared, names) in [
            (&[][..], &[("p-0", "a"), ("p-1", "b")][..], &["p-0", "p-1"][..]),
            (&[("p-0", "a"), ("p-1", "b")], &[("p-0", "b"), ("p-1", "a")], &["p-1", "p-0"]),
            (&[("p-0", "a"), ("p-1", "b")], &[("p", "b")], &["p-1"]),
            (&[("p", "a")], &[("p-0", "a"), ("p-1", "b")], &["p", "p-1"]),
            (&[("p", "a")], &[("p", "b")], &["p-0"]),
            (&[("p-0", "a"), ("p-1", "b")], &[("p-0", "b"), ("p-1", "c")], &["p-1", "p-2"]),
        ] {
            let all = |pairs: &[(&str, &str)]| -> Vec<Object> {
                let kinds = ["ScalableTarget", "ScalingPolicy"];
                pairs.iter().flat_map(|(name, of)| kinds.map(|kind| scaled(kind, name, of))).collect()
            };
            let there: Vec<Child> =
                all(there).into_iter().map(|object| Child { kind: object.row().unwrap(), object }).collect();
            let mut objects = all(declared);
            name_by_variant(&mut objects, &there, "p");
            for kind in ["ScalableTarget", "ScalingPolicy"] {
                let of_kind = objects.iter().filter(|object| object.kind == kind);
                let found: Vec<&str> = of_kind.map(|object| object.metadata.name.as_str()).collect();
                assert_eq!(found, names, "{declared:?}");
            }
        }
    }

    #[test]
    fn the_keys_of_labels_are_words_of_a_selector() {
        for selector in ["a.b/team=ml,tier!=gold", "a.b/team in (ml, risk), tier", "!tier, a.b/team notin (x)"] {
            let keys = keys_of(selector);
            assert!(keys.contains(&"a.b/team") && keys.contains(&"tier"), "{selector}: {keys:?}");
        }
    }
}
