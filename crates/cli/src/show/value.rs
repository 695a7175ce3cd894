//! Values on lines.

use serde_json::Value;

use crate::output::terminal::on_line;

/// Characters of a value that people are shown; programs get it whole.
pub(super) const LONGEST: usize = 100;

/// One value on one line: text bare, everything else as JSON.
pub(crate) fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => on_line(text).into_owned(),
        other => on_line(&other.to_string()).into_owned(),
    }
}

/// One value on one line that is not too long.
pub(crate) fn short(value: &Value) -> String {
    let text = scalar(value);
    let count = text.chars().count();
    if count <= LONGEST {
        return text;
    }
    let start: String = text.chars().take(LONGEST * 2 / 3).collect();
    format!("{start}… ({count} characters)")
}

/// The ends of a nested value with their paths from it, each on a line that is not too long.
pub(crate) fn leaves(value: &Value) -> Vec<(String, String)> {
    ends(value).into_iter().map(|(path, end)| (path, end_text(end))).collect()
}

/// The ends of a nested value with their paths from it; lists of plain values are an end where they fit a line.
pub(super) fn ends(value: &Value) -> Vec<(String, &Value)> {
    let mut out = Vec::new();
    walk(value, String::new(), &mut out);
    out
}

fn walk<'v>(value: &'v Value, path: String, out: &mut Vec<(String, &'v Value)>) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                let key = on_line(key);
                let joint = if path.is_empty() || key.starts_with('[') { "" } else { "." };
                walk(value, format!("{path}{joint}{key}"), out);
            }
        }
        Value::Array(items) if !items.is_empty() && plain_list(items).is_none() => {
            items.iter().enumerate().for_each(|(i, value)| walk(value, format!("{path}[{i}]"), out));
        }
        other => out.push((path, other)),
    }
}

pub(super) fn end_text(value: &Value) -> String {
    value.as_array().and_then(|items| plain_list(items)).unwrap_or_else(|| short(value))
}

pub(super) fn plain_list(items: &[Value]) -> Option<String> {
    let plain = items.iter().all(|v| !v.is_object() && !v.is_array());
    let text = format!("[{}]", items.iter().map(scalar).collect::<Vec<_>>().join(", "));
    (plain && text.chars().count() <= LONGEST).then_some(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nested_values_end_in_lines() {
        let value = json!({"a": {"b": [{"c": 1}, {"c": "x\ny"}]}, "list": ["p", "q"], "none": {}});
        let expected = [("a.b[0].c", "1"), ("a.b[1].c", "x\\ny"), ("list", "[p, q]"), ("none", "{}")];
        assert_eq!(leaves(&value), expected.map(|(k, v)| (k.to_owned(), v.to_owned())));
    }

    #[test]
    fn long_values_say_how_long_they_are() {
        let text = short(&json!("é".repeat(500)));
        assert!(text.ends_with("… (500 characters)") && text.chars().count() < 120, "{text}");
    }
}
