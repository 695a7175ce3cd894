//! Definitions (CRDs): whose they are, and whether they take what is stored. Pure.

use serde_json::Value;

use super::text;

/// Whose a definition is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// Made by ACK's generator.
    Ack,
    /// As this version has it.
    Sagewright,
    /// Of another version, or of somebody else.
    Other,
}

impl Owner {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Ack => "ack",
            Self::Sagewright => "sagewright",
            Self::Other => "other",
        }
    }

    /// Whose a stored definition is; `ours` is this version's.
    pub(super) fn of(stored: &Value, ours: &Value) -> Self {
        let spec = |document: &Value| document.get("spec").cloned().unwrap_or_default();
        if has(&spec(stored), &spec(ours)) {
            return Self::Sagewright;
        }
        match stored.pointer("/metadata/annotations/controller-gen.kubebuilder.io~1version") {
            Some(_) => Self::Ack,
            None => Self::Other,
        }
    }
}

/// Whether a stored document has all that another one declares: the API server adds defaults.
fn has(stored: &Value, declared: &Value) -> bool {
    match (stored, declared) {
        (Value::Object(stored), Value::Object(declared)) => {
            declared.iter().all(|(key, value)| stored.get(key).is_some_and(|there| has(there, value)))
        }
        (Value::Array(stored), Value::Array(declared)) => {
            stored.len() == declared.len() && stored.iter().zip(declared).all(|(there, value)| has(there, value))
        }
        (stored, declared) => stored == declared,
    }
}

/// The schema of a definition's version.
pub(super) fn schema<'d>(definition: &'d Value, version: &str) -> Option<&'d Value> {
    let versions = definition.pointer("/spec/versions").and_then(Value::as_array)?;
    versions.iter().find(|v| text(v, "/name") == version)?.pointer("/schema/openAPIV3Schema")
}

/// What a schema does not take of a value: fields that it does not have, and values that it refuses. Rules in CEL and patterns are
/// left to the API server: they are checked there when an object is changed.
pub(super) fn misfits(schema: &Value, value: &Value) -> Vec<String> {
    let mut all = Vec::new();
    walk(schema, value, "", &mut all);
    all
}

fn walk(schema: &Value, value: &Value, at: &str, all: &mut Vec<String>) {
    let flag = |name: &str| schema.get(name).and_then(Value::as_bool) == Some(true);
    if value.is_null() || flag("x-kubernetes-preserve-unknown-fields") {
        return;
    }
    let here = if at.is_empty() { "the object" } else { at };
    let is_typed = match text(schema, "/type") {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        _ => true,
    };
    if !is_typed && !(flag("x-kubernetes-int-or-string") && (value.is_string() || value.is_number())) {
        all.push(format!("{here} is no {}", text(schema, "/type")));
        return;
    }
    if let Some(values) = schema.get("enum").and_then(Value::as_array).filter(|values| !values.contains(value)) {
        let values: Vec<String> = values.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        all.push(format!("{here} is none of {}", values.join(", ")));
    }
    let number = |name: &str| schema.get(name).and_then(Value::as_f64);
    let size = match value {
        Value::String(text) => Some((text.chars().count() as f64, "minLength", "maxLength")),
        Value::Array(items) => Some((items.len() as f64, "minItems", "maxItems")),
        Value::Object(fields) => Some((fields.len() as f64, "minProperties", "maxProperties")),
        Value::Number(number) => number.as_f64().map(|number| (number, "minimum", "maximum")),
        Value::Null | Value::Bool(_) => None,
    };
    let is_out =
        |(size, least, most)| number(least).is_some_and(|n| size < n) || number(most).is_some_and(|n| size > n);
    if size.is_some_and(is_out) {
        let limits = [size.map(|(_, least, _)| least), size.map(|(_, _, most)| most)].into_iter().flatten();
        let limits: Vec<String> = limits.filter_map(|name| Some(format!("{name} {}", number(name)?))).collect();
        all.push(format!("{here} is out of bounds: {}", limits.join(", ")));
    }
    match value {
        Value::Array(items) => {
            if let Some(schema) = schema.get("items") {
                items.iter().enumerate().for_each(|(i, item)| walk(schema, item, &format!("{at}[{i}]"), all));
            }
        }
        Value::Object(fields) => object(schema, fields, at, all),
        _ => {}
    }
}

fn object(schema: &Value, fields: &serde_json::Map<String, Value>, at: &str, all: &mut Vec<String>) {
    let below = |name: &str| if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
    for name in schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
        if !fields.contains_key(name) {
            all.push(format!("{} is missing", below(name)));
        }
    }
    let properties = schema.get("properties").and_then(Value::as_object);
    let others = schema.get("additionalProperties");
    for (name, value) in fields {
        // The API server has these for every object.
        if at.is_empty() && matches!(name.as_str(), "apiVersion" | "kind" | "metadata") {
            continue;
        }
        match properties.and_then(|properties| properties.get(name)).or(others.filter(|others| others.is_object())) {
            Some(schema) => walk(schema, value, &below(name), all),
            None if others == Some(&Value::Bool(true)) => {}
            None => all.push(format!("{} is no field", below(name))),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Value {
        json!({"type": "object", "properties": {
            "spec": {"type": "object", "required": ["name"], "properties": {
                "name": {"type": "string", "maxLength": 3},
                "mode": {"type": "string", "enum": ["A", "B"]},
                "count": {"type": "integer", "minimum": 1},
                "tags": {"type": "array", "maxItems": 1, "items": {"type": "object", "properties": {"key": {"type": "string"}}}},
                "environment": {"type": "object", "additionalProperties": {"type": "string"}},
                "any": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
            }},
        }})
    }

    #[test]
    fn what_a_schema_does_not_take_is_told_by_its_path() {
        let fits = json!({"apiVersion": "g/v1", "metadata": {"name": "x"}, "spec": {
            "name": "abc", "mode": "A", "count": 1, "tags": [{"key": "k"}], "environment": {"X": "1"}, "any": {"x": 1},
        }});
        assert_eq!(misfits(&schema(), &fits), Vec::<String>::new());
        let spec =
            json!({"mode": "C", "count": 0, "tags": [{"key": 1, "other": 1}, {}], "environment": {"X": 1}, "more": 1});
        assert_eq!(
            misfits(&schema(), &json!({"spec": spec})),
            [
                "spec.name is missing",
                "spec.mode is none of A, B",
                "spec.count is out of bounds: minimum 1",
                "spec.tags is out of bounds: maxItems 1",
                "spec.tags[0].key is no string",
                "spec.tags[0].other is no field",
                "spec.environment.X is no string",
                "spec.more is no field",
            ]
        );
    }

    #[test]
    fn a_definition_with_what_the_api_server_adds_is_still_ours() {
        let ours = json!({"spec": {"names": {"kind": "Model"}, "versions": [{"name": "v1", "schema": schema()}]}});
        let mut stored = ours.clone();
        stored["spec"]["conversion"] = json!({"strategy": "None"});
        stored["metadata"] = json!({"annotations": {"controller-gen.kubebuilder.io/version": "v0.16.2"}});
        assert_eq!(Owner::of(&stored, &ours), Owner::Sagewright);
        stored["spec"]["versions"][0]["schema"]["properties"]["spec"]["required"] = json!([]);
        assert_eq!(Owner::of(&stored, &ours), Owner::Ack);
        stored["metadata"] = json!({});
        assert_eq!(Owner::of(&stored, &ours), Owner::Other);
    }
}
