//! Values of the suite and of the codecs in one form, so that they can be compared: text for blobs, milliseconds for timestamps.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sagewright_model::{Service, Shape, ShapeType};
use serde_json::{Map, Value};

/// Whose value it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The suite's: blobs are plain text.
    Suite,
    /// A codec's: blobs are base64.
    Codec,
}

/// A value in the common form.
pub fn common(service: &Service, shape: &Shape, value: &Value, side: Side) -> Value {
    match (shape.kind, value) {
        (ShapeType::Structure, Value::Object(map)) if !shape.members.is_empty() => map
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name.clone(), part(service, shape.members.get(name.as_str()), value, side)))
            .collect::<Map<_, _>>()
            .into(),
        (ShapeType::List, Value::Array(items)) => {
            items.iter().map(|item| part(service, shape.member.as_ref(), item, side)).collect()
        }
        (ShapeType::Map, Value::Object(map)) => map
            .iter()
            .map(|(name, value)| (name.clone(), part(service, shape.value.as_ref(), value, side)))
            .collect::<Map<_, _>>()
            .into(),
        (ShapeType::Blob, Value::String(text)) if side == Side::Codec => {
            STANDARD.decode(text).map_or(Value::Null, |bytes| String::from_utf8_lossy(&bytes).into_owned().into())
        }
        (ShapeType::Timestamp, value) => millis(value).map_or_else(|| value.clone(), Value::from),
        _ => number(value),
    }
}

fn part(service: &Service, member: Option<&sagewright_model::Member>, value: &Value, side: Side) -> Value {
    match member.and_then(|member| service.target(member)) {
        Some(shape) if !value.is_null() => common(service, shape, value, side),
        _ => value.clone(),
    }
}

/// What a service would give a codec for a value of the suite.
pub fn output(service: &Service, shape: &Shape, value: &Value) -> Value {
    let inner = |member: Option<&sagewright_model::Member>, value: &Value| match member.and_then(|m| service.target(m))
    {
        Some(shape) => output(service, shape, value),
        None => value.clone(),
    };
    match (shape.kind, value) {
        (ShapeType::Structure, Value::Object(map)) if !shape.members.is_empty() => {
            map.iter().map(|(name, value)| (name.clone(), inner(shape.members.get(name.as_str()), value))).collect()
        }
        (ShapeType::List, Value::Array(items)) => items.iter().map(|item| inner(shape.member.as_ref(), item)).collect(),
        (ShapeType::Map, Value::Object(map)) => {
            map.iter().map(|(name, value)| (name.clone(), inner(shape.value.as_ref(), value))).collect()
        }
        (ShapeType::Blob, Value::String(text)) => STANDARD.encode(text).into(),
        _ => value.clone(),
    }
}

/// JSON with all numbers alike.
pub fn number(value: &Value) -> Value {
    match value {
        Value::Number(number) => {
            number.as_f64().and_then(serde_json::Number::from_f64).map_or(Value::Null, Value::Number)
        }
        Value::Array(items) => items.iter().map(number).collect(),
        Value::Object(map) => map.iter().map(|(name, value)| (name.clone(), number(value))).collect(),
        other => other.clone(),
    }
}

#[allow(clippy::cast_possible_truncation)] // of the suite's times, all near today
fn millis(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => Some((number.as_f64()? * 1000.0).round() as i64),
        Value::String(text) => {
            let parsed = text.parse::<jiff::Timestamp>().ok();
            let parsed = parsed.or_else(|| Some(jiff::fmt::rfc2822::parse(text).ok()?.timestamp()));
            parsed
                .map(|time| time.as_millisecond())
                .or_else(|| Some((text.parse::<f64>().ok()? * 1000.0).round() as i64))
        }
        _ => None,
    }
}
