//! Timestamps of answers in each protocol's form.

use jiff::Timestamp;
use serde_json::Value;

/// Milliseconds since 1970 of a timestamp in an output: RFC 3339 text, or epoch seconds.
pub(super) fn millis(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => text.parse::<Timestamp>().ok().map(Timestamp::as_millisecond),
        Value::Number(number) => {
            if let Some(whole) = number.as_i64() {
                return whole.checked_mul(1000);
            }
            let millis = (number.as_f64()? * 1000.0).round();
            // The range of jiff's timestamps, far inside i64.
            #[allow(clippy::cast_possible_truncation)]
            (millis.abs() < 1e15).then_some(millis as i64)
        }
        _ => None,
    }
}

/// `1700000000.123`
pub(super) fn epoch(millis: i64) -> String {
    let (sign, whole) = if millis < 0 { ("-", millis.unsigned_abs()) } else { ("", millis.unsigned_abs()) };
    format!("{sign}{}.{:03}", whole / 1000, whole % 1000)
}

/// `2023-11-14T22:13:20Z`, with milliseconds where there are any.
pub(super) fn iso8601(millis: i64) -> String {
    Timestamp::from_millisecond(millis).unwrap_or(Timestamp::UNIX_EPOCH).to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn all_forms_of_a_timestamp_are_read() {
        for value in [json!("2023-11-14T22:13:20.123Z"), json!(1_700_000_000.123_f64)] {
            let read = millis(&value).unwrap();
            assert_eq!(epoch(read), "1700000000.123");
            assert_eq!(iso8601(read), "2023-11-14T22:13:20.123Z");
        }
        assert_eq!(epoch(millis(&json!(1_700_000_000)).unwrap()), "1700000000.000");
        assert_eq!(iso8601(millis(&json!(1_700_000_000)).unwrap()), "2023-11-14T22:13:20Z");
        assert_eq!(epoch(-1500), "-1.500");
        assert_eq!(millis(&json!("soon")), None);
    }
}
