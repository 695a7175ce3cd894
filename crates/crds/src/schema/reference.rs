//! Fields that refer to other objects, in ACK's shape: `roleRef: {from: {name, namespace}}`.

use sagewright_kinds::{Kind, RefField};
use serde_json::{Map, Value, json};

use crate::rules::has;

/// The schema of a reference, or of a list of them with at most as many elements as the plain field.
pub(super) fn schema(kind: &Kind, field: &RefField, most: Option<Value>) -> Value {
    let mut from = json!({
        "description": "The object that is referred to.",
        "type": "object",
        "required": ["name"],
        "properties": {
            "name": {"description": "Its name.", "type": "string", "minLength": 1, "maxLength": 253},
            "namespace": {"description": "Its namespace; this object's without it.", "type": "string", "maxLength": 63},
        },
    });
    if field.targets.len() > 1 {
        let kinds: Vec<&str> = field.targets.iter().map(|t| t.kind.as_str()).collect();
        let first = kinds.first().copied().unwrap_or_default();
        from["properties"]["kind"] =
            json!({"description": format!("Its kind; {first} without it."), "type": "string", "enum": kinds});
    }
    let mut properties = Map::from_iter([("from".to_owned(), from)]);
    for (name, default) in &field.with {
        let description = format!("The {name} that is meant; {default} without it.");
        properties.insert(name.clone(), json!({"description": description, "type": "string", "maxLength": 256}));
    }
    let reference = json!({"type": "object", "required": ["from"], "properties": properties});
    let description = describe(kind, field);
    if !field.list {
        let mut reference = reference;
        if let Some(map) = reference.as_object_mut() {
            map.shift_insert(0, "description".to_owned(), json!(description));
        }
        return reference;
    }
    let mut list = json!({"description": description, "type": "array", "items": reference});
    if let Some(most) = most {
        list["maxItems"] = most;
    }
    list
}

fn describe(kind: &Kind, field: &RefField) -> String {
    let plain = field.crd.last().unwrap_or_default();
    let targets: Vec<String> = field
        .targets
        .iter()
        .map(|target| match target.group.as_deref().filter(|group| *group != kind.group()) {
            Some(group) => format!("{} ({group})", target.kind),
            None => target.kind.clone(),
        })
        .collect();
    let targets = match targets.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        _ => targets.join(""),
    };
    if field.list {
        return format!("Instead of {plain}: the {targets} objects that give its elements.");
    }
    format!("Instead of {plain}: the {targets} that gives its value.")
}

/// Which of a field and its reference may be given.
pub(super) fn rule(plain: &str, reference: &str, required: bool) -> Value {
    let (one, other) = (has("self", plain), has("self", reference));
    if required {
        let message = format!("write {plain} or {reference}, and only one of them");
        return json!({"rule": format!("{one} != {other}"), "message": message, "reason": "FieldValueRequired"});
    }
    let message = format!("{plain} and {reference} say the same thing: keep one of them");
    json!({"rule": format!("!({one} && {other})"), "message": message})
}
