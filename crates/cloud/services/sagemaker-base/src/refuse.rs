//! Members that the embedded cloud does not honour and that would change what runs: refused by name, never ignored.

use serde_json::Value;

use sagewright_cloud_core::api::ApiError;

/// Refuses the first member of `value` at one of the JSON pointers that says something. `false`, zero, `null` and
/// empty values say nothing.
pub fn members(prefix: &str, value: &Value, pointers: &[&str]) -> Result<(), ApiError> {
    match pointers.iter().find(|p| at(value, p).is_some_and(says_something)) {
        Some(pointer) => Err(unsupported(&format!("{prefix}{}", pointer.trim_start_matches('/').replace('/', ".")))),
        None => Ok(()),
    }
}

/// What a pointer leads to. Names of members have nothing to unescape, and every request asks for some.
fn at<'v>(value: &'v Value, pointer: &str) -> Option<&'v Value> {
    pointer.split('/').skip(1).try_fold(value, |value, member| match value {
        Value::Array(items) => items.get(member.parse::<usize>().ok()?),
        other => other.get(member),
    })
}

/// The refusal of what a resource's status does not allow, `noun` being AWS's name of the kind.
pub fn status(noun: &str, status: &str) -> ApiError {
    ApiError::validation(format!("The request was rejected because the {noun} is in status {status}."))
}

/// The refusal of a member, or of a member's value (`TrainingInputMode Pipe`).
pub fn unsupported(what: &str) -> ApiError {
    instead(what, "Leave it out")
}

/// The refusal of what can be said otherwise.
pub fn instead(what: &str, instead: &str) -> ApiError {
    ApiError::validation(format!(
        "{what} is not supported by the embedded cloud. {instead}, or use a real AWS account for it (unset AWS_ENDPOINT_URL)."
    ))
}

fn says_something(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Number(n) => n.as_f64() != Some(0.0),
        Value::Array(list) => !list.is_empty(),
        Value::Object(map) => !map.is_empty(),
        Value::Bool(true) | Value::String(_) => true,
    }
}
