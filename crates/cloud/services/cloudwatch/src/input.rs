//! What several operations read of their input.

use jiff::Timestamp;
use serde_json::Value;

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::metrics::Metric;

use crate::validation;

/// A time of the input in milliseconds since 1970: seconds as a number or text, or RFC 3339.
pub(crate) fn millis(value: &Value) -> Option<i64> {
    let seconds = match value {
        Value::String(text) => match text.parse::<Timestamp>() {
            Ok(time) => return Some(time.as_millisecond()),
            Err(_) => text.parse::<f64>().ok()?,
        },
        other => other.as_f64()?,
    };
    let millis = (seconds * 1000.0).round();
    // The year 9999 and before; far inside i64.
    #[allow(clippy::cast_possible_truncation)]
    (millis.abs() < 2.6e14).then_some(millis as i64)
}

/// A time that the model requires.
pub(crate) fn time(call: &Call, member: &str) -> Result<i64, ApiError> {
    let given = call.input.get(member).and_then(millis);
    given.ok_or_else(|| validation(format!("The parameter {member} is not a valid timestamp.")))
}

/// The items of a list.
pub(crate) fn list<'v>(value: &'v Value, member: &str) -> &'v [Value] {
    value.get(member).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// The texts of a list.
pub(crate) fn texts<'v>(value: &'v Value, member: &str) -> Vec<&'v str> {
    list(value, member).iter().filter_map(Value::as_str).collect()
}

/// A metric of the caller's: `value` has `MetricName` and `Dimensions`.
pub(crate) fn metric(call: &Call, namespace: &str, value: &Value) -> Metric {
    metric_of(&call.caller.account, &call.region, namespace, value)
}

/// A metric of an account and region.
pub(crate) fn metric_of(account: &str, region: &str, namespace: &str, value: &Value) -> Metric {
    let text = |value: &Value, member: &str| value.get(member).and_then(Value::as_str).unwrap_or_default().to_owned();
    let metric = Metric::new(account, region, namespace, &text(value, "MetricName"));
    let dimensions = list(value, "Dimensions").iter();
    dimensions.fold(metric, |metric, d| metric.with(&text(d, "Name"), &text(d, "Value")))
}
