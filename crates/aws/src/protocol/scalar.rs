//! Scalars as text: labels, query strings, headers, query parameters and XML.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sagewright_model::{Member, Service, Shape, ShapeType};
use serde_json::Value;

use super::timestamp::{self, Format};
use super::{InputError, kind_of};

/// Bytes of base64 text.
pub(super) fn blob(value: &Value, path: &str) -> Result<Vec<u8>, InputError> {
    let text = value.as_str().ok_or_else(|| wrong(value, path, "base64 text"))?;
    STANDARD.decode(text).map_err(|e| InputError(format!("{path} is not base64 text: {e}")))
}

/// Base64 text of bytes.
pub(super) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// A scalar as text of the wire.
pub(super) fn to_text(
    shape: &Shape,
    format: Option<&str>,
    default: Format,
    value: &Value,
    path: &str,
) -> Result<String, InputError> {
    match shape.kind {
        ShapeType::Timestamp => {
            let format = Format::of(format.or(shape.timestamp_format.as_deref()), default);
            let instant = timestamp::parse(value).ok_or_else(|| wrong(value, path, "a timestamp (RFC 3339 text)"))?;
            Ok(plain(&timestamp::to_wire(instant, format)))
        }
        ShapeType::Blob => blob(value, path).map(|_| plain(value)),
        ShapeType::Structure | ShapeType::List | ShapeType::Map => Err(wrong(value, path, "a scalar")),
        _ => match value {
            Value::String(_) | Value::Number(_) | Value::Bool(_) => Ok(plain(value)),
            other => Err(wrong(other, path, "a scalar")),
        },
    }
}

/// Text of a scalar without quotes.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A scalar from text of the wire; text that does not fit its type stays text.
pub(super) fn from_text(shape: &Shape, text: &str) -> Value {
    let number = |text: &str| serde_json::from_str::<serde_json::Number>(text.trim()).map(Value::Number);
    match shape.kind {
        ShapeType::Integer
        | ShapeType::Long
        | ShapeType::Short
        | ShapeType::Byte
        | ShapeType::Float
        | ShapeType::Double
        | ShapeType::BigDecimal
        | ShapeType::BigInteger => number(text).unwrap_or_else(|_| Value::String(text.to_owned())),
        ShapeType::Boolean => match text.trim() {
            t if t.eq_ignore_ascii_case("true") => Value::Bool(true),
            t if t.eq_ignore_ascii_case("false") => Value::Bool(false),
            other => Value::String(other.to_owned()),
        },
        ShapeType::Timestamp => timestamp::from_wire(&Value::String(text.to_owned())),
        _ => Value::String(text.to_owned()),
    }
}

/// The shape a member refers to.
pub(super) fn target(service: &'static Service, member: &Member) -> Result<&'static Shape, InputError> {
    service.shape(&member.shape).ok_or_else(|| InputError(format!("the model has no shape '{}'", member.shape)))
}

pub(super) fn wrong(value: &Value, path: &str, wanted: &str) -> InputError {
    InputError(format!("{path} must be {wanted}, not {}", kind_of(value)))
}

/// `Parent.Member` for messages.
pub(super) fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}
