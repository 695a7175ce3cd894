//! How long records live.

use sagewright_cloud_core::api::ApiError;
use serde_json::Value;

use crate::error::validation;

/// Milliseconds of a `TtlDuration`; `None` where there is none, or one without unit and value.
///
/// # Errors
/// Only one of unit and value is given, or the duration is longer than can be counted.
pub fn millis(ttl: &Value) -> Result<Option<i64>, ApiError> {
    let (unit, value) = (ttl["Unit"].as_str(), ttl["Value"].as_i64());
    let (unit, value) = match (unit, value) {
        (None, None) => return Ok(None),
        (Some(unit), Some(value)) => (unit, value),
        _ => return Err(validation("TtlDuration needs both Unit and Value.")),
    };
    let seconds = match unit {
        "Seconds" => 1,
        "Minutes" => 60,
        "Hours" => 3600,
        "Days" => 86_400,
        _ => 604_800,
    };
    let millis = value.checked_mul(seconds).and_then(|seconds| seconds.checked_mul(1000));
    millis.map(Some).ok_or_else(|| validation(format!("TtlDuration of {value} {unit} is too long.")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_duration_has_a_unit_and_a_value() {
        let of = |unit: Value, value: Value| millis(&json!({"Unit": unit, "Value": value})).ok();
        assert_eq!(of(json!("Seconds"), json!(2)), Some(Some(2000)));
        assert_eq!(of(json!("Weeks"), json!(1)), Some(Some(604_800_000)));
        assert_eq!(of(Value::Null, Value::Null), Some(None));
        assert_eq!(of(json!("Days"), Value::Null), None);
        assert_eq!(of(json!("Weeks"), json!(i64::MAX)), None);
        assert_eq!(millis(&Value::Null).unwrap(), None);
    }
}
