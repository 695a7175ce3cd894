//! JSON records as rows: members of members get names of their own.

use serde_json::Value;

/// A cell with its column's name.
pub(super) type Named = (String, Option<String>);

/// The cells of a record. A list at its top is columns without names.
pub(super) fn cells(record: &Value) -> Vec<Named> {
    let mut out = Vec::new();
    match record {
        Value::Object(members) => members.iter().for_each(|(name, value)| flatten(name, value, &mut out)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, value)| flatten(&super::unnamed(at), value, &mut out));
        }
        scalar => out.push((super::unnamed(0), text(scalar))),
    }
    out
}

fn flatten(name: &str, value: &Value, out: &mut Vec<Named>) {
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(member, value)| flatten(&format!("{name}.{member}"), value, out));
        }
        // One value in a list is that value.
        Value::Array(items) if items.len() == 1 => flatten(name, &items[0], out),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, value)| flatten(&format!("{name}_{at}"), value, out));
        }
        scalar => out.push((name.to_owned(), text(scalar))),
    }
}

/// A value as a cell.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn members_of_members_are_columns() {
        let told = cells(&json!({ "a": 1, "b": { "c": "x", "d": [2.5, null] }, "e": [true], "f": "" }));
        let told: Vec<_> = told.iter().map(|(name, cell)| (&**name, cell.as_deref())).collect();
        let expected =
            [("a", Some("1")), ("b.c", Some("x")), ("b.d_0", Some("2.5")), ("b.d_1", None), ("e", Some("true"))];
        assert_eq!(told[..5], expected);
        assert_eq!(told[5], ("f", None));
        assert_eq!(cells(&json!([3]))[0], ("_c0".to_owned(), Some("3".to_owned())));
    }
}
