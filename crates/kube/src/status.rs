//! What is written of a status: nothing where nothing differs.

use jiff::Timestamp;
use serde_json::{Map, Value};

/// The merge patch (RFC 7386) that makes one document of another; nothing where they say the same.
pub(crate) fn merge_patch(before: &Value, after: &Value) -> Option<Value> {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            let mut patch = Map::new();
            for (key, value) in after.iter().filter(|(_, value)| !value.is_null()) {
                let old = before.get(key).unwrap_or(&Value::Null);
                if let Some(change) = merge_patch(old, value) {
                    patch.insert(key.clone(), change);
                }
            }
            for key in before.keys().filter(|key| after.get(*key).is_none_or(Value::is_null)) {
                patch.insert(key.clone(), Value::Null);
            }
            (!patch.is_empty()).then(|| Value::Object(patch))
        }
        (before, after) if same(before, after) => None,
        (_, after) => Some(without_nulls(after)),
    }
}

/// Times as Kubernetes writes them, without fractions of a second: `2026-01-02T03:04:05Z`.
pub(crate) fn in_seconds(status: &mut Value) {
    match status {
        Value::Object(map) => map.values_mut().for_each(in_seconds),
        Value::Array(items) => items.iter_mut().for_each(in_seconds),
        Value::String(text) => {
            if let Some(second) = second_of(text) {
                *text = second;
            }
        }
        _ => {}
    }
}

/// A time with a fraction, without the fraction.
fn second_of(text: &str) -> Option<String> {
    let (second, fraction) = text.strip_suffix('Z')?.split_once('.')?;
    let is_time = second.len() == "2026-01-02T03:04:05".len() && fraction.bytes().all(|c| c.is_ascii_digit());
    is_time.then(|| text.parse::<Timestamp>()).and_then(Result::ok).map(|_| format!("{second}Z"))
}

/// Whether two values say the same to the API server, which stores no nulls and knows `1.0` as `1`.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            one == other || (one.as_f64() == other.as_f64() && one.is_f64() != other.is_f64())
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let within = |one: &Map<String, Value>, other: &Map<String, Value>| {
                let given = one.iter().filter(|(_, value)| !value.is_null());
                given.clone().all(|(key, value)| other.get(key).is_some_and(|there| same(value, there)))
            };
            within(one, other) && within(other, one)
        }
        (one, other) => one == other,
    }
}

fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let given = map.iter().filter(|(_, value)| !value.is_null());
            Value::Object(given.map(|(key, value)| (key.clone(), without_nulls(value))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(without_nulls).collect()),
        plain => plain.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_differs_is_written() {
        for (before, after, patch) in [
            (json!({}), json!({}), None),
            (json!({"a": 1, "b": {"c": [1, 2]}}), json!({"b": {"c": [1, 2]}, "a": 1}), None),
            (json!({"a": 1}), json!({"a": 1.0, "b": null}), None),
            (json!({"a": [{"b": 1}]}), json!({"a": [{"b": 1, "c": null}]}), None),
            (json!({"a": 1.5}), json!({"a": 1.25}), Some(json!({"a": 1.25}))),
            (json!({"a": 1, "b": 2}), json!({"b": 3}), Some(json!({"b": 3, "a": null}))),
            (json!({"a": {"b": 1, "c": 2}}), json!({"a": {"b": 1}}), Some(json!({"a": {"c": null}}))),
            (json!({"a": [1]}), json!({"a": [1, 2]}), Some(json!({"a": [1, 2]}))),
            (json!({}), json!({"a": {"b": null, "c": 1}}), Some(json!({"a": {"c": 1}}))),
            (json!(null), json!({"a": 1}), Some(json!({"a": 1}))),
            (json!({"a": "x"}), json!({"a": {"b": 1}}), Some(json!({"a": {"b": 1}}))),
        ] {
            assert_eq!(merge_patch(&before, &after), patch, "{before} to {after}");
        }
    }

    #[test]
    fn times_have_no_fractions_of_a_second() {
        let mut status = json!({
            "creationTime": "2026-01-02T03:04:05.678901234Z",
            "list": [{"at": "2026-01-02T03:04:05.6Z"}, "2026-01-02T03:04:05Z"],
            "text": "v1.5Z", "word": "2026-13-02T03:04:05.1Z", "note": "at 2026-01-02T03:04:05.6Z",
        });
        in_seconds(&mut status);
        assert_eq!(
            status,
            json!({
                "creationTime": "2026-01-02T03:04:05Z",
                "list": [{"at": "2026-01-02T03:04:05Z"}, "2026-01-02T03:04:05Z"],
                "text": "v1.5Z", "word": "2026-13-02T03:04:05.1Z", "note": "at 2026-01-02T03:04:05.6Z",
            })
        );
    }
}
