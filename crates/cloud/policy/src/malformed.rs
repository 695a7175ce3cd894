//! What a malformed document is refused with.

use serde_json::Value;

/// Why a document is refused: the text of AWS's `MalformedPolicyDocument`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PolicyError(pub String);

pub(super) fn malformed<T>(text: impl Into<String>) -> Result<T, PolicyError> {
    Err(PolicyError(text.into()))
}

/// One text or a list of texts.
pub(super) fn texts(value: &Value) -> Result<Vec<String>, PolicyError> {
    let one = |value: &Value| match value {
        Value::String(text) => Ok(text.clone()),
        Value::Bool(_) | Value::Number(_) => Ok(value.to_string()),
        _ => malformed("Syntax errors in policy."),
    };
    match value {
        Value::Array(items) => items.iter().map(one).collect(),
        other => Ok(vec![one(other)?]),
    }
}
