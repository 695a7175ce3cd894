//! What the model says of values: allowed ones, ranges, lengths, patterns, unions.

use sagewright_model::{Shape, ShapeType, re2};
use serde_json::{Map, Number, Value, json};

use crate::{rules, words};

/// Adds a shape's limits to its schema.
pub(super) fn add(shape: &Shape, schema: &mut Map<String, Value>) {
    use ShapeType as T;
    match shape.kind {
        T::String | T::Character => text(shape, schema),
        T::List => count(shape, schema, "minItems", "maxItems"),
        T::Map => count(shape, schema, "minProperties", "maxProperties"),
        T::Structure if shape.union => union(shape, schema),
        // Base64 has four characters for three bytes.
        T::Blob => {
            if let Some(max) = shape.max.map(whole) {
                schema.insert("maxLength".to_owned(), json!(max.div_ceil(3) * 4));
            }
        }
        T::Structure | T::Boolean | T::Timestamp => {}
        _ => {
            let bounds = [("minimum", shape.min), ("maximum", shape.max)];
            schema.extend(bounds.into_iter().filter_map(|(key, bound)| Some((key.to_owned(), number(bound?)))));
        }
    }
}

fn text(shape: &Shape, schema: &mut Map<String, Value>) {
    if !shape.enumeration.is_empty() {
        let values: Vec<&str> = shape.enumeration.iter().map(AsRef::as_ref).collect();
        schema.insert("enum".to_owned(), json!(values));
        return;
    }
    let said = shape.pattern.as_ref().and_then(|pattern| re2(pattern)).unwrap_or_default();
    let min = shape.min.map(whole).max(said.min.map(u64::from)).filter(|min| *min > 0);
    let max = [shape.max.map(whole), said.max.map(u64::from)].into_iter().flatten().min();
    schema.extend(min.map(|min| ("minLength".to_owned(), json!(min))));
    schema.extend(max.map(|max| ("maxLength".to_owned(), json!(max))));
    // A pattern that takes any line would only refuse line breaks, and be read by nobody.
    schema.extend(said.pattern.map(|pattern| ("pattern".to_owned(), json!(pattern))));
}

fn count(shape: &Shape, schema: &mut Map<String, Value>, least: &str, most: &str) {
    schema.extend(shape.min.map(whole).filter(|min| *min > 0).map(|min| (least.to_owned(), json!(min))));
    schema.extend(shape.max.map(|max| (most.to_owned(), json!(whole(max)))));
}

/// One member of a union is set.
fn union(shape: &Shape, schema: &mut Map<String, Value>) {
    let fields: Vec<String> = shape.members.keys().map(|member| words::field(member)).collect();
    let given: Vec<String> = fields.iter().map(|field| rules::has("self", field)).collect();
    let rule = match given.as_slice() {
        [one] => one.clone(),
        all => format!("[{}].exists_one(given, given)", all.join(", ")),
    };
    let message = match fields.as_slice() {
        [one] => format!("write {one}"),
        all => format!("write one of {}, and only one", all.join(", ")),
    };
    rules::push(schema, json!({"rule": rule, "message": message}));
}

/// A bound as a whole number: lengths are.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // lengths of models are small and not negative
fn whole(bound: f64) -> u64 {
    bound.max(0.0) as u64
}

#[allow(clippy::cast_possible_truncation)] // whole numbers below 2^63 only
fn number(bound: f64) -> Value {
    if bound.fract() == 0.0 && bound.abs() < 9.0e18 {
        return json!(bound as i64);
    }
    Number::from_f64(bound).map_or(Value::Null, Value::Number)
}
