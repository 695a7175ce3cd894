//! The kinds of Amazon SageMaker Operators for Kubernetes, as that operator defined them: `kinds.txt` has their fields.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::crd::{Names, document, root};
use crate::schema::{conditions, memory};
use crate::{Crd, columns, size, words};

const KINDS: &str = include_str!("kinds.txt");

/// The definitions of all legacy kinds.
pub(crate) fn all() -> Vec<Crd> {
    let blocks = Block::read(KINDS);
    let types: BTreeMap<&str, &Block> =
        blocks.iter().filter_map(|block| Some((block.text.strip_prefix("type ")?, block))).collect();
    let kinds = blocks.iter().filter_map(|block| Some((block.text.strip_prefix("kind ")?, block)));
    kinds.map(|(names, block)| definition(names, block, &types)).collect()
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

fn definition(names: &str, block: &Block, types: &BTreeMap<&str, &Block>) -> Crd {
    let mut words = names.split(' ');
    let kind = words.next().unwrap_or_default();
    let regular = kind.to_lowercase() + "s";
    let plural = words.next().unwrap_or(&regular);
    let short: Vec<&str> = words.collect();
    let part = |name: &str| block.below.iter().find(|part| part.text.split(' ').next() == Some(name));
    let schema = |name: &str| part(name).map_or(Value::Null, |part| field(part, types).1);
    let said = words::sentence(kind).to_lowercase();
    let mut spec = schema("spec");
    spec["description"] = json!(format!("What the {said} is to be."));
    let mut status = schema("status");
    status["description"] = json!(format!("What was last seen of the {said} in AWS."));
    status["properties"]["conditions"] = conditions();
    status["properties"]["sagewright"] = memory();
    let description = format!("{}, as Amazon SageMaker Operators for Kubernetes declared it.", words::sentence(kind));
    let mut root = root(&description, spec, status);
    if part("spec").is_some_and(|part| part.text.ends_with('!')) {
        root["required"] = json!(["spec"]);
    }
    let names = Names {
        group: "sagemaker.aws.amazon.com",
        version: "v1",
        kind,
        plural,
        scope: "Namespaced",
        short: &short,
        categories: &["sagewright"],
    };
    let shown = block.below.iter().filter_map(|line| line.text.strip_prefix("column ")).map(column);
    let columns: Vec<Value> = shown.chain([columns::ready(), columns::age()]).collect();
    size::fit(document(&names, &columns, root))
}

fn column(line: &str) -> Value {
    let mut words = line.split(' ');
    let (name, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    json!({"name": name, "type": words.next().unwrap_or("string"), "jsonPath": path})
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
