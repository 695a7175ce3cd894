//! `AdoptedResource`: an object that takes over a resource of AWS, made as it asks.

use std::time::Duration;

use sagewright_decide::conditions::{ADOPTED, TERMINAL};
use sagewright_kinds::Kind;
use sagewright_model::name::to_crd;
use sagewright_objects::{Object, keys};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{AGAIN, Companion, Step, Tools};
use crate::api::{ApiError, Place};
use crate::conditions::{find, holds};

/// The pause before it is looked again how far the object has come.
const SOON: Duration = Duration::from_secs(3);

/// Adoptions that are asked for by an object of their own.
pub(crate) struct AdoptedResources;

#[derive(Debug, Deserialize)]
struct Spec {
    aws: Aws,
    kubernetes: Target,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Aws {
    #[serde(rename = "nameOrID", alias = "nameOrId")]
    name_or_id: Option<String>,
    arn: Option<String>,
    additional_keys: Map<String, Value>,
}

#[derive(Debug, Deserialize)]
struct Target {
    group: String,
    kind: String,
    #[serde(default)]
    metadata: Map<String, Value>,
}

impl Companion for AdoptedResources {
    const NAMES: (&'static str, &'static str) = ("AdoptedResource", "adoptedresources");

    fn source(_: &Value) -> Option<[String; 3]> {
        None
    }

    async fn step(tools: &Tools, object: &Object) -> Result<Step, ApiError> {
        if holds(&object.status, ADOPTED) {
            return Ok(Step::Done(ADOPTED));
        }
        let spec = match Spec::deserialize(&object.spec) {
            Ok(spec) => spec,
            Err(error) => return Ok(Step::Never(format!("the spec cannot be read: {error}"))),
        };
        let (group, name) = (&spec.kubernetes.group, &spec.kubernetes.kind);
        let Some(kind) = sagewright_kinds::all().iter().find(|k| k.group() == group && k.name() == name) else {
            return Ok(Step::Never(format!("there is no kind {name} in the group {group}")));
        };
        let (wanted, fields) = match wanted(kind, object, spec) {
            Ok(wanted) => wanted,
            Err(why) => return Ok(Step::Never(why)),
        };
        let text = |pointer: &str| wanted.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (namespace, name) = (text("/metadata/namespace"), text("/metadata/name"));
        let own = object.metadata.namespace.as_deref().unwrap_or("default");
        if namespace != own && !tools.cross_namespace {
            return Ok(Step::Never(format!("{namespace} is another namespace, and --enable-cross-namespace is false")));
        }
        let place = Place::of(kind, &namespace);
        let what = format!("the {} {namespace}/{name}", kind.name());
        let Some(there) = tools.api.get(&place, &name).await? else {
            tools.api.create(&place, &wanted).await?;
            return Ok(Step::Later(format!("{what} was created and takes the resource over"), SOON));
        };
        let status = there.get("status").cloned().unwrap_or_default();
        if let Some(terminal) = find(&status, TERMINAL).filter(|_| holds(&status, TERMINAL)) {
            let why = format!("{what} cannot take the resource over: {}", terminal.message.unwrap_or_default());
            return Ok(Step::Later(why, AGAIN));
        }
        let annotated = |key: &str| there.pointer("/metadata/annotations").is_some_and(|all| all.get(key).is_some());
        if let Some(field) = differs(&fields, &there) {
            return Ok(Step::Later(
                format!("{what} is there and has another {field}: name another object in kubernetes"),
                AGAIN,
            ));
        }
        if annotated(keys::ADOPTED) {
            return Ok(Step::Done(ADOPTED));
        }
        if !annotated(keys::ADOPTION_POLICY) {
            let why =
                format!("{what} is there and takes nothing over: delete this AdoptedResource, or name another object");
            return Ok(Step::Later(why, AGAIN));
        }
        Ok(Step::Later(format!("{what} takes the resource over"), SOON))
    }
}

/// A field by which an object that is there stands for another resource.
fn differs<'w>(fields: &'w Map<String, Value>, there: &Value) -> Option<&'w str> {
    let other = |(field, value): &(&String, &Value)| {
        there.get("spec").and_then(|spec| spec.get(*field)).is_some_and(|said| said != *value)
    };
    fields.iter().find(other).map(|(field, _)| field.as_str())
}

/// The object that takes the resource over, and the fields that name the resource. Its spec comes from AWS: a part of it may be less than
/// the definition takes, and could not be changed any more.
fn wanted(kind: &Kind, object: &Object, spec: Spec) -> Result<(Value, Map<String, Value>), String> {
    let mut fields = Map::new();
    if let Some(arn) = spec.aws.arn.filter(|arn| !arn.is_empty()) {
        fields.insert("arn".to_owned(), json!(arn));
    }
    if let Some(name) = spec.aws.name_or_id.filter(|name| !name.is_empty()) {
        match kind.row().identity.name.as_slice() {
            [member] => drop(fields.insert(to_crd(member), json!(name))),
            [] if name.starts_with("arn:") => drop(fields.insert("arn".to_owned(), json!(name))),
            [] => {
                let known = kind.row().operations.input.get("read").and_then(|read| read.keys().next());
                let known =
                    known.ok_or_else(|| format!("a {} is known by its ARN: write it as aws.arn", kind.words()))?;
                fields.insert(to_crd(known), json!(name));
            }
            [.., last] => drop(fields.insert(to_crd(last), json!(name))),
        }
    }
    fields.extend(spec.aws.additional_keys);
    if fields.is_empty() {
        return Err("it does not say which resource: write aws.nameOrID or aws.arn".to_owned());
    }
    let mut metadata = spec.kubernetes.metadata;
    metadata
        .retain(|key, _| matches!(key.as_str(), "name" | "namespace" | "labels" | "annotations" | "ownerReferences"));
    let own = object.metadata.namespace.as_deref().unwrap_or("default");
    metadata.entry("name").or_insert_with(|| json!(object.metadata.name));
    metadata.entry("namespace").or_insert_with(|| json!(own));
    let annotations = metadata.entry("annotations").or_insert_with(|| json!({}));
    if let Some(annotations) = annotations.as_object_mut() {
        annotations.insert(keys::ADOPTION_POLICY.to_owned(), json!("adopt"));
        annotations.insert(keys::ADOPTION_FIELDS.to_owned(), json!(Value::Object(fields.clone()).to_string()));
    }
    fields.remove("arn");
    let known = kind.spec_fields();
    fields.retain(|field, _| known.contains_key(field));
    Ok((json!({"apiVersion": kind.api_version(), "kind": kind.name(), "metadata": metadata}), fields))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_adopted_resource_becomes_an_object_that_adopts() {
        let endpoint = sagewright_kinds::find("Endpoint").unwrap();
        let object = Object::new(endpoint, "adopt-endpoint-sample");
        let spec = |value: Value| Spec::deserialize(value).unwrap();
        let target = json!({"group": endpoint.group(), "kind": "Endpoint", "metadata": {"name": "xgboost-endpoint"}});
        let (made, fields) =
            wanted(endpoint, &object, spec(json!({"aws": {"nameOrID": "xgboost-endpoint"}, "kubernetes": target})))
                .unwrap();
        assert_eq!(
            made,
            json!({
                "apiVersion": "sagemaker.services.k8s.aws/v1alpha1", "kind": "Endpoint",
                "metadata": {"name": "xgboost-endpoint", "namespace": "default", "annotations": {
                    "services.k8s.aws/adoption-policy": "adopt",
                    "services.k8s.aws/adoption-fields": "{\"endpointName\":\"xgboost-endpoint\"}",
                }},
            })
        );
        assert_eq!(Value::Object(fields), json!({"endpointName": "xgboost-endpoint"}));
        assert!(wanted(endpoint, &object, spec(json!({"aws": {}, "kubernetes": target}))).is_err());
    }
}
