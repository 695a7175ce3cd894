//! The kinds of Amazon SageMaker Operators for Kubernetes, as that operator defined them: `fields.txt` has their fields.

use std::collections::BTreeMap;

use sagewright_legacy::kinds::KINDS;
use sagewright_legacy::{GROUP, LegacyKind, VERSION};
use serde_json::{Map, Value, json};

use crate::crd::Crd;
use crate::document::{Names, document, root};
use crate::schema::{conditions, memory};
use crate::{columns, size, words};

const FIELDS: &str = include_str!("fields.txt");

/// The definitions of all legacy kinds.
pub(crate) fn all() -> Vec<Crd> {
    let blocks = Block::read(FIELDS);
    let named = |word: &str| -> BTreeMap<&str, &Block> {
        blocks.iter().filter_map(|block| Some((block.text.strip_prefix(word)?, block))).collect()
    };
    let (types, fields) = (named("type "), named("kind "));
    KINDS.iter().filter_map(|kind| Some(definition(kind, fields.get(kind.kind)?, &types))).collect()
}

/// A line and the lines that are indented below it.
#[derive(Debug)]
struct Block<'t> {
    text: &'t str,
    below: Vec<Block<'t>>,
}

impl<'t> Block<'t> {
    fn read(text: &'t str) -> Vec<Self> {
        let lines: Vec<(usize, &str)> = text
            .lines()
            .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
            .map(|line| (line.len() - line.trim_start().len(), line.trim()))
            .collect();
        Self::at(&lines, 0)
    }

    fn at(lines: &[(usize, &'t str)], depth: usize) -> Vec<Self> {
        let starts: Vec<usize> = (0..lines.len()).filter(|i| lines[*i].0 == depth).collect();
        let ends = starts.iter().skip(1).copied().chain([lines.len()]);
        starts
            .iter()
            .zip(ends)
            .map(|(start, end)| Self { text: lines[*start].1, below: Self::at(&lines[start + 1..end], depth + 1) })
            .collect()
    }
}

fn definition(kind: &LegacyKind, block: &Block, types: &BTreeMap<&str, &Block>) -> Crd {
    let part = |name: &str| block.below.iter().find(|part| part.text.split(' ').next() == Some(name));
    let schema = |name: &str| part(name).map_or(Value::Null, |part| field(part, types).1);
    let words = words::sentence(kind.kind);
    let mut spec = schema("spec");
    spec["description"] = json!(format!("What the {} is to be.", words.to_lowercase()));
    let mut status = schema("status");
    status["description"] = json!(format!("What was last seen of the {} in AWS.", words.to_lowercase()));
    status["properties"]["conditions"] = conditions();
    status["properties"]["sagewright"] = memory();
    let description = format!("{words}, as Amazon SageMaker Operators for Kubernetes declared it.");
    let mut root = root(&description, spec, status);
    if part("spec").is_some_and(|part| part.text.ends_with('!')) {
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

/// A field's name, its schema, and whether it has to be given.
fn field(block: &Block, types: &BTreeMap<&str, &Block>) -> (String, Value, bool) {
    let mut words = block.text.split(' ');
    let name = words.next().unwrap_or_default();
    let of = words.next().unwrap_or_default();
    let limits: Vec<(&str, &str)> = words.filter_map(|word| word.split_once('=')).collect();
    let (of, required) = of.strip_suffix('!').map_or((of, false), |of| (of, true));
    let mut schema = match of.strip_prefix("[]") {
        Some(element) => {
            let mut list = object(json!({"type": "array", "items": value(element, block, types)}));
            limit(&mut list, &limits, "minItems", "maxItems");
            list
        }
        None => {
            let mut one = value(of, block, types);
            if of == "integer" {
                limit(&mut one, &limits, "minimum", "maximum");
            } else {
                limit(&mut one, &limits, "minLength", "maxLength");
            }
            one
        }
    };
    schema.shift_insert(0, "description".to_owned(), json!(format!("{}.", words::sentence(name))));
    (name.to_owned(), Value::Object(schema), required)
}

fn value(of: &str, block: &Block, types: &BTreeMap<&str, &Block>) -> Map<String, Value> {
    match of {
        "object" => structure(&block.below, types),
        "integer" => object(json!({"type": "integer", "format": "int64"})),
        "date-time" => object(json!({"type": "string", "format": "date-time"})),
        plain => match types.get(plain) {
            Some(block) => structure(&block.below, types),
            None => object(json!({"type": plain})),
        },
    }
}

fn structure(fields: &[Block], types: &BTreeMap<&str, &Block>) -> Map<String, Value> {
    let fields: Vec<_> = fields.iter().map(|block| field(block, types)).collect();
    let mut required: Vec<String> = fields.iter().filter(|(.., required)| *required).map(|f| f.0.clone()).collect();
    required.sort();
    let properties: BTreeMap<String, Value> = fields.into_iter().map(|(name, schema, _)| (name, schema)).collect();
    let mut schema = object(json!({"type": "object", "properties": properties}));
    if !required.is_empty() {
        schema.insert("required".to_owned(), json!(required));
    }
    schema
}

fn limit(schema: &mut Map<String, Value>, limits: &[(&str, &str)], least: &str, most: &str) {
    for (key, text) in limits {
        let number = || json!(text.parse::<u64>().unwrap_or_default());
        let (key, value) = match *key {
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
