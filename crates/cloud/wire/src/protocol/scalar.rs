//! Numbers and truth values that are told as text: in forms, paths, queries, headers and XML.

use sagewright_model::ShapeType;
use serde_json::{Number, Value};

/// Numbers that JSON cannot write, as text.
pub(super) const NOT_FINITE: [&str; 3] = ["NaN", "Infinity", "-Infinity"];

/// The value of a text; `None` where it is none of its kind.
pub(super) fn read(kind: ShapeType, text: &str) -> Option<Value> {
    use ShapeType as T;
    match kind {
        T::Integer | T::Long | T::Short | T::Byte | T::BigInteger => text.trim().parse::<i64>().ok().map(Value::from),
        T::Float | T::Double if NOT_FINITE.contains(&text.trim()) => Some(text.trim().into()),
        T::Float | T::Double | T::BigDecimal => text.trim().parse().ok().and_then(Number::from_f64).map(Value::Number),
        T::Boolean => text.parse().ok().map(Value::Bool),
        _ => Some(Value::String(text.to_owned())),
    }
}

/// A scalar as text.
pub(super) fn write(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A number that JSON cannot write.
pub(super) fn not_finite(value: f64) -> &'static str {
    let [nan, infinity, minus] = NOT_FINITE;
    match value {
        _ if value.is_nan() => nan,
        _ if value > 0.0 => infinity,
        _ => minus,
    }
}

/// The number of such a text.
pub(super) fn from_not_finite(text: &str) -> Option<f64> {
    NOT_FINITE.contains(&text).then(|| text.parse().ok())?
}
