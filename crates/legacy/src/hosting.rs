//! `HostingDeployment`: models, an endpoint config and an endpoint.

use std::collections::{BTreeMap, BTreeSet};

use sagewright_objects::Object;
use serde_json::{Map, Value, json};

use crate::legacy::{Legacy, set};
use crate::names;

/// Models, their config, and the endpoint that serves it. Models and configs are never updated: their names follow from
/// their content, unless the status names those that are there.
pub(crate) fn declare(legacy: &Legacy<'_>) -> Result<Vec<Object>, String> {
    let tags = legacy.spec.get("tags").cloned();
    let (mut objects, mut resources) = (Vec::new(), BTreeMap::new());
    for model in list(&legacy.spec, "models") {
        let name = text(model, "name").ok_or("spec.models[].name is missing")?;
        let mut object =
            legacy.object("Model", &format!("{}-{name}", legacy.name), &model_spec(name, model, &tags)?)?;
        let resource = existing(legacy, name)
            .map_or_else(|| names::of_content(&object.metadata.name, legacy.uid, &object.spec), str::to_owned);
        set(&mut object.spec, "modelName", json!(resource));
        if resources.insert(name.to_owned(), resource).is_some() {
            return Err(format!("spec.models: two models are named `{name}`; give each a name of its own"));
        }
        objects.push(object);
    }
    let mut variants = Vec::new();
    for variant in list(&legacy.spec, "productionVariants") {
        let model = text(variant, "modelName").unwrap_or_default();
        let resource = resources.get(model).ok_or_else(|| {
            let known: Vec<&str> = resources.keys().map(String::as_str).collect();
            format!(
                "spec.productionVariants: there is no model `{model}` in spec.models; there are: {}",
                known.join(", ")
            )
        })?;
        let mut variant = variant.clone();
        set(&mut variant, "modelName", json!(resource));
        variants.push(variant);
    }
    let mut config = Map::from_iter([("productionVariants".to_owned(), Value::Array(variants))]);
    copy(&legacy.spec, &["kmsKeyId", "tags"], &mut config);
    let mut config = legacy.object("EndpointConfig", legacy.name, &config)?;
    let name = legacy.known("endpointConfigName").map(str::to_owned);
    let name = name.unwrap_or_else(|| names::of_content(legacy.name, legacy.uid, &config.spec));
    set(&mut config.spec, "endpointConfigName", json!(name));
    objects.push(config);

    let mut endpoint = Map::from_iter([("endpointConfigName".to_owned(), json!(name))]);
    copy(&legacy.spec, &["endpointName", "tags"], &mut endpoint);
    let mut endpoint = legacy.object("Endpoint", legacy.name, &endpoint)?;
    // Fields of an update, whose names are the same in both groups. The legacy operator retained nothing unless it was told to.
    let retain = legacy.spec.get("retainAllVariantProperties").cloned();
    set(&mut endpoint.spec, "retainAllVariantProperties", retain.unwrap_or(json!(false)));
    let excluded: Vec<Value> = list(&legacy.spec, "excludeRetainedVariantProperties").cloned().collect();
    if !excluded.is_empty() {
        set(&mut endpoint.spec, "excludeRetainedVariantProperties", Value::Array(excluded));
    }
    if let Some(there) = legacy.known("endpointName") {
        set(&mut endpoint.spec, "endpointName", json!(there));
    } else if endpoint.spec.get("endpointName").is_none() {
        set(&mut endpoint.spec, "endpointName", json!(names::generated(legacy.name, legacy.uid, names::LONGEST)));
    }
    objects.push(endpoint);
    Ok(objects)
}

/// A model's spec. A single container is the primary one; of several, all are served, and none is primary.
fn model_spec(name: &str, model: &Value, tags: &Option<Value>) -> Result<Map<String, Value>, String> {
    let Value::Object(fields) = model else { return Err(format!("spec.models: `{name}` is no map of fields")) };
    let mut spec = Map::new();
    copy(fields, &["executionRoleArn", "enableNetworkIsolation", "vpcConfig"], &mut spec);
    spec.extend(tags.clone().map(|tags| ("tags".to_owned(), tags)));
    let containers: Vec<&Value> = list(fields, "containers").collect();
    let mut names = BTreeSet::new();
    if let Some(twice) =
        containers.iter().filter_map(|c| text(c, "containerHostname")).find(|name| !names.insert(*name))
    {
        return Err(format!(
            "spec.models: two containers of `{name}` are named `{twice}`; give each a name of its own"
        ));
    }
    let primary = text(model, "primaryContainer");
    match (containers.as_slice(), primary) {
        ([], _) => return Err(format!("spec.models: `{name}` has no container")),
        ([one], primary) => {
            if let Some(missing) = primary.filter(|name| text(one, "containerHostname") != Some(name)) {
                return Err(format!(
                    "spec.models: `{name}` has no container `{missing}`, which primaryContainer names"
                ));
            }
            spec.insert("primaryContainer".to_owned(), (*one).clone());
        }
        (several, _) => {
            spec.insert("containers".to_owned(), several.iter().copied().cloned().collect());
        }
    }
    Ok(spec)
}

/// The resource that the status names for a model.
fn existing<'l>(legacy: &'l Legacy<'_>, model: &str) -> Option<&'l str> {
    let pairs = legacy.status.get("modelNames")?.as_array()?;
    pairs.iter().find(|pair| text(pair, "name") == Some(model)).and_then(|pair| text(pair, "value"))
}

fn text<'v>(value: &'v Value, field: &str) -> Option<&'v str> {
    value.get(field)?.as_str().filter(|text| !text.is_empty())
}

fn list<'v>(fields: &'v Map<String, Value>, field: &str) -> impl Iterator<Item = &'v Value> {
    fields.get(field).and_then(Value::as_array).into_iter().flatten()
}

fn copy(from: &Map<String, Value>, fields: &[&str], to: &mut Map<String, Value>) {
    let there = fields.iter().filter_map(|field| Some(((*field).to_owned(), from.get(*field)?.clone())));
    to.extend(there.filter(|(_, value)| !value.is_null()));
}
