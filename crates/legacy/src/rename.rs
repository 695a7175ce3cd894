//! Names of the models and configs of a deployment, which follow from their content, and those of resources that are there.

use std::collections::BTreeMap;

use sagewright_objects::Object;
use serde_json::Value;

/// Fields that name a model or a config: kind, and where the name stands.
const FIELDS: [(&str, &str); 3] =
    [("Model", "/modelName"), ("EndpointConfig", "/endpointConfigName"), ("Endpoint", "/endpointConfigName")];

/// The name that an object's resource got from its content, for objects that are never updated.
#[must_use]
pub fn content_name(object: &Object) -> Option<&str> {
    let (_, path) = FIELDS.iter().find(|(kind, _)| *kind == object.kind && *kind != "Endpoint")?;
    object.spec.pointer(path)?.as_str()
}

/// Puts other names in place of those that follow from content: `names` has them by the latter. Objects refer to each
/// other by them afterwards.
pub fn rename(objects: &mut [Object], names: &BTreeMap<String, String>) {
    let change = |value: Option<&mut Value>| {
        if let Some(Value::String(name)) = value
            && let Some(other) = names.get(name.as_str())
        {
            name.clone_from(other);
        }
    };
    for object in objects {
        for (_, path) in FIELDS.iter().filter(|(kind, _)| *kind == object.kind) {
            change(object.spec.pointer_mut(path));
        }
        let variants = object.spec.get_mut("productionVariants").and_then(Value::as_array_mut);
        variants.into_iter().flatten().for_each(|variant| change(variant.get_mut("modelName")));
    }
}
