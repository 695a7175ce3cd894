//! Tags of roles, users and policies.

mod list;
mod tag;
mod untag;

use serde_json::{Value, json};

pub(super) use list::{list_of_policy, list_of_role, list_of_user};
pub(super) use tag::{tag_policy, tag_role, tag_user};
pub(super) use untag::{untag_policy, untag_role, untag_user};

use sagewright_cloud_core::api::{ApiError, Call};

/// The `Tags` of an input.
pub(super) fn of_input(call: &Call) -> Result<Vec<(String, String)>, ApiError> {
    let text = |tag: &Value, member: &str| tag[member].as_str().unwrap_or_default().to_owned();
    let tags = call.input.get("Tags").and_then(Value::as_array);
    let tags: Vec<(String, String)> =
        tags.into_iter().flatten().map(|tag| (text(tag, "Key"), text(tag, "Value"))).collect();
    let mut keys: Vec<String> = tags.iter().map(|(key, _)| key.to_lowercase()).collect();
    keys.sort_unstable();
    if keys.windows(2).any(|pair| pair[0] == pair[1]) {
        let message = "Duplicate tag keys found. Please note that Tag keys are case insensitive.";
        return Err(ApiError::new("InvalidInput", 400, message));
    }
    Ok(tags)
}

/// Tags as an answer carries them; nothing, where there are none.
pub(super) fn to_output(tags: Vec<(String, String)>) -> Value {
    if tags.is_empty() {
        return Value::Null;
    }
    tags.into_iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect()
}
