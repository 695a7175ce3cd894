//! Pages of listings: `Marker`, `MaxItems`, `IsTruncated`.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use sagewright_cloud_core::api::{ApiError, Call};

/// The page of `items` (name, value; in name order) that a call asks for, under `member`.
pub(super) fn page(call: &Call, member: &str, items: Vec<(String, Value)>) -> Result<Value, ApiError> {
    let size = call.input.get("MaxItems").and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok()).unwrap_or(100);
    let after = match call.text("Marker") {
        None => None,
        Some(marker) => {
            let name = URL_SAFE_NO_PAD.decode(marker).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            Some(name.ok_or_else(|| ApiError::new("ValidationError", 400, "Invalid Marker."))?)
        }
    };
    let mut rest = items.into_iter().filter(|(name, _)| after.as_ref().is_none_or(|after| name > after));
    let taken: Vec<(String, Value)> = rest.by_ref().take(size.max(1)).collect();
    let truncated = rest.next().is_some();
    let marker = taken.last().filter(|_| truncated).map(|(name, _)| URL_SAFE_NO_PAD.encode(name));
    let values: Vec<Value> = taken.into_iter().map(|(_, value)| value).collect();
    Ok(json!({member: values, "IsTruncated": truncated, "Marker": marker}))
}
