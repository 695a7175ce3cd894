//! How large a definition may be.

use serde_json::Value;

use crate::crd::Crd;

/// Bytes that a definition may take. `kubectl apply` keeps what was applied in an annotation, and an object's annotations
/// may have 262,144 bytes in all; what is left is for the annotations of whoever installs it.
pub const LIMIT: usize = 245_000;

/// Bytes that a definition takes in the annotation of `kubectl apply`: as JSON, written as Go writes it.
#[must_use]
pub fn applied_size(crd: &Crd) -> usize {
    let text = crd.document.to_string();
    // Go escapes these as `\u003c`, and the two line separators.
    let escaped = text.chars().filter(|c| matches!(c, '<' | '>' | '&')).count() * 5;
    let separators = text.chars().filter(|c| matches!(c, '\u{2028}' | '\u{2029}')).count() * 3;
    text.len() + escaped + separators
}

/// Takes away descriptions, the deepest first, until the definition is small enough.
pub(crate) fn fit(mut crd: Crd) -> Crd {
    let mut depth = deepest(&crd.document, 0);
    while applied_size(&crd) > LIMIT && depth > 0 {
        strip(&mut crd.document, depth, 0);
        depth -= 1;
    }
    crd
}

/// Whether a value is a schema with a description of its own: a field may be called `description`, too.
fn described(value: &Value) -> bool {
    value.get("description").is_some_and(Value::is_string)
}

fn deepest(value: &Value, depth: usize) -> usize {
    let below = children(value).map(|child| deepest(child, depth + 1)).max().unwrap_or(0);
    below.max(if described(value) { depth } else { 0 })
}

fn strip(value: &mut Value, from: usize, depth: usize) {
    if depth >= from
        && described(value)
        && let Some(map) = value.as_object_mut()
    {
        map.shift_remove("description");
    }
    match value {
        Value::Object(map) => map.values_mut().for_each(|child| strip(child, from, depth + 1)),
        Value::Array(items) => items.iter_mut().for_each(|child| strip(child, from, depth + 1)),
        _ => {}
    }
}

fn children(value: &Value) -> Box<dyn Iterator<Item = &Value> + '_> {
    match value {
        Value::Object(map) => Box::new(map.values()),
        Value::Array(items) => Box::new(items.iter()),
        _ => Box::new(std::iter::empty()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_deepest_descriptions_go_first_and_fields_of_that_name_stay() {
        let long = "x".repeat(LIMIT / 2);
        let document = json!({"schema": {
            "description": long,
            "properties": {
                "description": {"description": "kept", "type": "string"},
                "outer": {"description": "kept", "properties": {"inner": {"description": long, "type": "string"}}},
            },
        }});
        let fitted = fit(Crd { name: "n".to_owned(), document: document.clone() });
        assert!(applied_size(&fitted) <= LIMIT);
        let schema = &fitted.document["schema"];
        assert_eq!(
            schema["properties"]["outer"],
            json!({"description": "kept", "properties": {"inner": {"type": "string"}}})
        );
        assert_eq!(schema["properties"]["description"]["description"], "kept");
        assert_eq!(schema["description"], document["schema"]["description"]);
    }

    #[test]
    fn sizes_are_those_of_gos_json() {
        let size = |text: &str| applied_size(&Crd { name: String::new(), document: json!({"a": text}) });
        assert_eq!(size("b"), r#"{"a":"b"}"#.len());
        assert_eq!(size("<&>"), r#"{"a":"\u003c\u0026\u003e"}"#.len());
        assert_eq!(size("\u{2028}"), r#"{"a":"\u2028"}"#.len());
    }
}
