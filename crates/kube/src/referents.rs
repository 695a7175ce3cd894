//! What objects give to those that refer to them, and who refers to whom: an object is looked at again when the value that it
//! refers to has changed. Pure.

use std::collections::{BTreeMap, HashMap};
use std::sync::OnceLock;

use sagewright_decide::conditions::SYNCED;
use sagewright_decide::fingerprint::fingerprint;
use sagewright_engine::reconcile::target_id;
use sagewright_kinds::{Kind, Path, get};
use sagewright_model::name::to_crd;
use sagewright_objects::manifest::convert::convert;
use sagewright_objects::{Object, ObjectId};
use serde_json::Value;

use crate::declared::Key;
use crate::generated;

/// Stands for the values that an object gives; 0 for one that gives none, or none yet.
pub(crate) type Given = u32;

/// The fields of each kind that others may refer to: from `spec` or `status`.
fn fields(kind: &Kind) -> &'static [String] {
    static ALL: OnceLock<HashMap<&'static str, Vec<String>>> = OnceLock::new();
    let all = ALL.get_or_init(|| {
        let mut all: HashMap<&'static str, Vec<String>> = HashMap::new();
        let targets = sagewright_kinds::all().iter().flat_map(Kind::refs).flat_map(|field| &field.targets);
        for target in targets.filter(|target| target.group.is_none()) {
            let Some(kind) = sagewright_kinds::find(&target.kind) else { continue };
            let fields = all.entry(kind.name()).or_default();
            if !fields.contains(&target.value) {
                fields.push(target.value.clone());
            }
        }
        all
    });
    all.get(kind.name()).map(Vec::as_slice).unwrap_or_default()
}

/// What an object gives to those that refer to it, once it is as declared.
pub(crate) fn gives(kind: &Kind, object: &Object) -> Given {
    let fields = fields(kind);
    if fields.is_empty() || !is_synced(&object.status) {
        return 0;
    }
    if generated::is_asked_for(kind, object) && !generated::is_current(object) {
        return 0;
    }
    let own_name = generated::own_name(kind, object);
    let own = kind.own_name().map(|member| format!("spec.{}", to_crd(member)));
    let value = |field: &String| {
        let (part, path) = match field.split_once('.')? {
            ("status", path) => (&object.status, path),
            (_, path) => (&object.spec, path),
        };
        let named = || (own.as_ref() == Some(field)).then_some(own_name.as_str());
        get(part, &Path::parse(path)).and_then(Value::as_str).or_else(named)
    };
    let values: Vec<&str> = fields.iter().map(|field| value(field).unwrap_or_default()).collect();
    word(&values.join("\n"))
}

/// Whether the condition holds; without reading the others.
pub(crate) fn is_synced(status: &Value) -> bool {
    let all = status.get("conditions").and_then(Value::as_array);
    all.into_iter().flatten().any(|condition| condition["type"] == SYNCED && condition["status"] == "True")
}

/// The objects that an object refers to, of those that are watched.
pub(crate) fn refers(kind: &Kind, object: &Object) -> Box<[Key]> {
    // Few objects do, and a whole reading of a spec takes a while.
    if kind.refs().is_empty() || !holds_reference(&object.spec) {
        return Box::default();
    }
    let own = object.metadata.namespace.as_deref().unwrap_or("default");
    let references = convert(kind, &object.spec).refs;
    let ours = references.iter().filter(|reference| reference.target.group.is_none());
    let mut keys: Vec<Key> = ours.filter_map(|reference| key(&target_id(reference, own))).collect();
    keys.sort_unstable();
    keys.dedup();
    keys.into_boxed_slice()
}

fn holds_reference(spec: &Value) -> bool {
    match spec {
        Value::Object(fields) => {
            fields.iter().any(|(name, value)| name.ends_with("Ref") || name.ends_with("Refs") || holds_reference(value))
        }
        Value::Array(items) => items.iter().any(holds_reference),
        _ => false,
    }
}

fn key(id: &ObjectId) -> Option<Key> {
    Key::of(sagewright_kinds::find(&id.kind)?, id)
}

/// What an object relies on: the values that the objects give to which it refers. 0: it refers to none.
#[derive(Debug, Default)]
pub(crate) struct Relied(BTreeMap<Key, Given>);

impl Relied {
    /// An object gave a value.
    pub(crate) fn on(&mut self, id: &ObjectId, given: Given) {
        if let Some(key) = key(id) {
            self.0.insert(key, given);
        }
    }

    /// Stands for all of it.
    pub(crate) fn word(&self) -> Given {
        all(self.0.iter().map(|(key, given)| (key, *given)))
    }
}

/// Stands for what several objects give, in the order of their keys.
pub(crate) fn all<'k>(given: impl Iterator<Item = (&'k Key, Given)>) -> Given {
    let kind = |key: &Key| sagewright_kinds::all().get(usize::from(key.kind)).map(Kind::name).unwrap_or_default();
    let each: Vec<String> =
        given.map(|(key, given)| format!("{}/{}/{}/{given}", kind(key), key.namespace, key.name)).collect();
    if each.is_empty() { 0 } else { word(&each.join("\n")) }
}

/// The same in every version, since it is kept in the cluster.
fn word(text: &str) -> Given {
    u32::from_str_radix(&fingerprint(text, 8), 16).unwrap_or(1).max(1)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(kind: &str, spec: Value, status: Value) -> (&'static Kind, Object) {
        let kind = sagewright_kinds::find(kind).unwrap();
        (kind, Object { spec, status, ..Object::new(kind, "mine") })
    }

    #[test]
    fn an_object_gives_its_name_its_arn_or_a_field_of_its_status_once_it_is_synced() {
        let synced = |more: Value| {
            let mut status = json!({"conditions": [{"type": SYNCED, "status": "True"}]});
            status.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            status
        };
        let given = |kind: &str, spec: Value, status: Value| {
            let (kind, object) = object(kind, spec, status);
            gives(kind, &object)
        };
        let model = |spec: Value, more: Value| given("Model", spec, synced(more));
        assert_eq!(given("Model", json!({}), json!({})), 0, "not synced");
        assert_eq!(given("FeatureGroup", json!({}), synced(json!({}))), 0, "nobody refers to it");
        assert_ne!(model(json!({}), json!({})), 0);
        assert_eq!(model(json!({}), json!({})), model(json!({"modelName": "mine"}), json!({"x": 1})));
        assert_ne!(model(json!({"modelName": "other"}), json!({})), model(json!({}), json!({})));
        let job = |uri: &str| json!({"modelArtifacts": {"s3ModelArtifacts": uri}});
        let of_job = |uri: &str| given("TrainingJob", json!({}), synced(job(uri)));
        assert_ne!(of_job("s3://b/1"), of_job("s3://b/2"));
        let arn = |arn: &str| given("ModelPackage", json!({}), synced(json!({"ackResourceMetadata": {"arn": arn}})));
        assert_ne!(arn("arn:1"), arn("arn:2"));
    }

    #[test]
    fn an_object_with_generated_names_gives_the_last_one_once_that_is_of_what_it_declares() {
        let (kind, mut model) = object("Model", json!({"executionRoleARN": "r"}), json!({}));
        model.metadata.annotations.insert(sagewright_objects::keys::GENERATE_NAME.to_owned(), "m-".to_owned());
        let declared = sagewright_engine::watch::ContentHash::of_declared(&model);
        let mut given = |names: Value, declared: Value| {
            model.status = json!({
                "conditions": [{"type": SYNCED, "status": "True"}],
                "sagewright": {"generated": {"names": names, "declared": declared}},
            });
            gives(kind, &model)
        };
        let one = given(json!(["m-1"]), json!(declared));
        assert_ne!(one, 0);
        assert_eq!(given(json!(["m-1", "m-2"]), json!(null)), 0, "it is not there yet");
        assert_eq!(given(json!(["m-1"]), json!(7)), 0, "of another declaration");
        let other = given(json!(["m-1", "m-2"]), json!(declared));
        assert!(other != 0 && other != one);
        assert_eq!(given(json!(["m-2", "m-1"]), json!(declared)), one);
    }

    #[test]
    fn references_are_found_wherever_they_stand_and_each_once() {
        let variant = |name: &str| json!({"variantName": name, "modelRef": {"from": {"name": "m"}}});
        let there = json!({"variantName": "c", "modelRef": {"from": {"name": "m", "namespace": "there"}}});
        let spec = json!({"productionVariants": [variant("a"), variant("b"), there]});
        let (kind, config) = object("EndpointConfig", spec, json!({}));
        let refers = |kind: &Kind, object: &Object| {
            super::refers(kind, object).iter().map(|key| format!("{}/{}", key.namespace, key.name)).collect::<Vec<_>>()
        };
        assert_eq!(refers(kind, &config), ["default/m", "there/m"]);
        let (kind, model) = object("Model", json!({"primaryContainer": {"image": "i"}}), json!({}));
        assert!(refers(kind, &model).is_empty());
        let (kind, foreign) = object("ScalableTarget", json!({"roleRef": {"from": {"name": "r"}}}), json!({}));
        assert!(refers(kind, &foreign).is_empty(), "the cluster's own kinds alone are watched");
    }

    #[test]
    fn what_is_relied_on_is_the_same_from_a_look_and_from_watches() {
        let ids = [ObjectId::new("Model", None, "b"), ObjectId::new("Model", None, "a")];
        let mut relied = Relied::default();
        assert_eq!(relied.word(), 0);
        ids.iter().zip([7, 8]).for_each(|(id, given)| relied.on(id, given));
        let mut keys: Vec<Key> = ids.iter().filter_map(key).collect();
        keys.sort_unstable();
        assert_eq!(relied.word(), all(keys.iter().zip([8, 7])));
        assert_ne!(relied.word(), all(keys.iter().zip([8, 9])));
    }
}
