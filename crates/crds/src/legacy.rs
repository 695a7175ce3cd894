//! The kinds of Amazon SageMaker Operators for Kubernetes, as that operator defined them.

use std::collections::BTreeMap;

use sagewright_legacy::fields::{Line, part};
use sagewright_legacy::kinds::KINDS;
use sagewright_legacy::{GROUP, LegacyKind, VERSION};
use serde_json::{Map, Value, json};

use crate::crd::Crd;
use crate::document::{Names, document, root};
use crate::schema::{conditions, memory};
use crate::{columns, size, words};

/// The definitions of all legacy kinds.
pub(crate) fn all() -> Vec<Crd> {
    KINDS.iter().map(definition).collect()
}

fn definition(kind: &LegacyKind) -> Crd {
    let schema = |name: &str| part(kind.kind, name).map_or(Value::Null, field);
    let words = words::sentence(kind.kind);
    let mut spec = schema("spec");
    spec["description"] = json!(format!("What the {} is to be.", words.to_lowercase()));
    let mut status = schema("status");
    status["description"] = json!(format!("What was last seen of the {} in AWS.", words.to_lowercase()));
    status["properties"]["conditions"] = conditions();
    status["properties"]["sagewright"] = memory();
    let description = format!("{words}, as Amazon SageMaker Operators for Kubernetes declared it.");
    let mut root = root(&description, spec, status);
    if part(kind.kind, "spec").is_some_and(Line::is_required) {
        root["required"] = json!(["spec"]);
    }
    let short: Vec<&str> = kind.short.into_iter().collect();
    let names = Names {
        group: GROUP,
        version: VERSION,
        kind: kind.kind,
        plural: kind.plural,
        scope: "Namespaced",
        short: &short,
        categories: &["sagewright"],
    };
    let shown = kind.columns.iter().map(|c| json!({"name": c.name, "type": c.of, "jsonPath": c.path}));
    let columns: Vec<Value> = shown.chain([columns::ready(), columns::age()]).collect();
    size::fit(document(&names, &columns, root))
}

/// The schema of a field.
fn field(line: &Line) -> Value {
    let of = line.of();
    let mut schema = match of.strip_prefix("[]") {
        Some(element) => {
            let mut list = object(json!({"type": "array", "items": value(element, line)}));
            limit(&mut list, line, "minItems", "maxItems");
            list
        }
        None => {
            let mut one = value(of, line);
            if of == "integer" {
                limit(&mut one, line, "minimum", "maximum");
            } else {
                limit(&mut one, line, "minLength", "maxLength");
            }
            one
        }
    };
    schema.shift_insert(0, "description".to_owned(), json!(format!("{}.", words::sentence(line.name()))));
    Value::Object(schema)
}

fn value(of: &str, line: &Line) -> Map<String, Value> {
    match of {
        "integer" => object(json!({"type": "integer", "format": "int64"})),
        "date-time" => object(json!({"type": "string", "format": "date-time"})),
        _ if of == "object" || !line.fields().is_empty() => structure(line.fields()),
        plain => object(json!({"type": plain})),
    }
}

fn structure(fields: &[Line]) -> Map<String, Value> {
    let mut required: Vec<&str> = fields.iter().filter(|line| line.is_required()).map(Line::name).collect();
    required.sort_unstable();
    let properties: BTreeMap<&str, Value> = fields.iter().map(|line| (line.name(), field(line))).collect();
    let mut schema = object(json!({"type": "object", "properties": properties}));
    if !required.is_empty() {
        schema.insert("required".to_owned(), json!(required));
    }
    schema
}

fn limit(schema: &mut Map<String, Value>, line: &Line, least: &str, most: &str) {
    for (key, text) in line.limits() {
        let number = || json!(text.parse::<u64>().unwrap_or_default());
        let (key, value) = match key {
            "min" => (least, number()),
            "max" => (most, number()),
            "enum" => ("enum", json!(text.split('|').collect::<Vec<_>>())),
            other => (other, json!(text)),
        };
        schema.insert(key.to_owned(), value);
    }
}

fn object(value: Value) -> Map<String, Value> {
    if let Value::Object(map) = value { map } else { Map::new() }
}
