//! What values weigh in memory, for what is bounded in bytes.

use serde_json::Value;

/// Bytes that a JSON value takes in memory, about.
#[must_use]
pub fn of(value: &Value) -> usize {
    size_of::<Value>()
        + match value {
            Value::String(text) => text.len(),
            Value::Array(items) => items.iter().map(of).sum(),
            Value::Object(members) => {
                members.iter().map(|(key, value)| size_of::<String>() + key.len() + of(value)).sum()
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::of;

    #[test]
    fn everything_in_a_value_weighs() {
        let least = of(&json!(null));
        assert!(least >= size_of::<usize>());
        assert!(of(&json!("x".repeat(1000))) >= 1000);
        assert!(of(&json!({"x".repeat(1000): ["y".repeat(1000)]})) >= 2000);
        assert!(of(&json!(vec![1; 1000])) >= 1000 * least, "small values take more than their text");
    }
}
