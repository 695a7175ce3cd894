//! Printer columns: ACK's, in its order, then READY and AGE.

use sagewright_kinds::Kind;
use serde_json::{Value, json};

/// Columns of a kind; the types are those of the status' fields.
pub(crate) fn of_kind(kind: &Kind, status: &Value) -> Vec<Value> {
    let column = |(name, path, priority): (String, String, u8)| {
        let field = path.strip_prefix("status.").map_or(&Value::Null, |path| at(status, path));
        let kind = match (field["type"].as_str(), field["format"].as_str()) {
            (_, Some("date-time")) => "date",
            (Some(kind @ ("integer" | "number" | "boolean")), _) => kind,
            _ => "string",
        };
        let mut column = json!({"name": name, "type": kind, "jsonPath": format!(".{}", path.replace("[]", "[*]"))});
        if priority > 0 {
            column["priority"] = json!(priority);
        }
        column
    };
    kind.columns().into_iter().map(column).chain([ready(), age()]).collect()
}

/// Whether the object is as declared.
pub(crate) fn ready() -> Value {
    condition("READY", "Ready")
}

/// The status of a condition.
pub(crate) fn condition(name: &str, kind: &str) -> Value {
    json!({"name": name, "type": "string", "jsonPath": format!(".status.conditions[?(@.type==\"{kind}\")].status")})
}

/// How long the object has been there.
pub(crate) fn age() -> Value {
    json!({"name": "AGE", "type": "date", "jsonPath": ".metadata.creationTimestamp"})
}

fn at<'v>(schema: &'v Value, path: &str) -> &'v Value {
    path.split('.').fold(schema, |schema, name| &schema["properties"][name])
}
