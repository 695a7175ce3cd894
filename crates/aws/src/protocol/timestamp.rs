//! Timestamps: RFC 3339 text towards the caller, the protocol's own form on the wire.

use jiff::Timestamp;
use jiff::fmt::rfc2822::{DateTimeParser, DateTimePrinter};
use serde_json::{Number, Value};

/// How a timestamp is written on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// `2024-06-15T07:00:00Z`
    Iso8601,
    /// `Sat, 15 Jun 2024 07:00:00 GMT`
    HttpDate,
    /// Seconds since 1970.
    Unix,
}

impl Format {
    /// The format that a model names, or the default of the place.
    pub(super) fn of(named: Option<&str>, default: Self) -> Self {
        match named {
            Some("iso8601") => Self::Iso8601,
            Some("rfc822") => Self::HttpDate,
            Some("unixTimestamp") => Self::Unix,
            _ => default,
        }
    }
}

/// Reads RFC 3339 text, an HTTP date, or seconds since 1970.
pub(super) fn parse(value: &Value) -> Option<Timestamp> {
    match value {
        Value::Number(number) => from_seconds(number.as_f64()?),
        Value::String(text) => parse_text(text),
        _ => None,
    }
}

fn parse_text(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        return from_seconds(seconds);
    }
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return Some(timestamp);
    }
    if let Ok(civil) = text.parse::<jiff::civil::DateTime>() {
        // No offset: AWS means UTC.
        return civil.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|z| z.timestamp());
    }
    DateTimeParser::new().parse_timestamp(text).ok()
}

fn from_seconds(seconds: f64) -> Option<Timestamp> {
    // AWS gives milliseconds; binary fractions would show as noise in the text.
    let millis = (seconds * 1000.0).round();
    if !millis.is_finite() || millis.abs() > 9e15 {
        return None;
    }
    #[allow(clippy::cast_possible_truncation)]
    Timestamp::from_millisecond(millis as i64).ok()
}

/// Writes a timestamp as a JSON value or as text of the format.
pub(super) fn to_wire(timestamp: Timestamp, format: Format) -> Value {
    match format {
        Format::Iso8601 => Value::String(timestamp.to_string()),
        Format::HttpDate => Value::String(
            DateTimePrinter::new().timestamp_to_rfc9110_string(&timestamp).unwrap_or_else(|_| timestamp.to_string()),
        ),
        Format::Unix => {
            let millis = timestamp.as_millisecond();
            if millis % 1000 == 0 {
                Value::from(millis / 1000)
            } else {
                #[allow(clippy::cast_precision_loss)]
                let seconds = millis as f64 / 1000.0;
                Number::from_f64(seconds).map_or(Value::Null, Value::Number)
            }
        }
    }
}

/// The caller's form of a value from the wire; text that is no timestamp stays as it is.
pub(super) fn from_wire(value: &Value) -> Value {
    parse(value).map_or_else(|| value.clone(), |t| Value::String(t.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_form_reads_as_the_same_instant() {
        let expected = "2024-06-15T07:00:00Z";
        for form in [
            json!(1_718_434_800),
            json!(1_718_434_800.0),
            json!("1718434800"),
            json!("2024-06-15T07:00:00Z"),
            json!("2024-06-15T09:00:00+02:00"),
            json!("2024-06-15T07:00:00"),
            json!("Sat, 15 Jun 2024 07:00:00 GMT"),
        ] {
            assert_eq!(from_wire(&form), json!(expected), "{form}");
        }
        assert_eq!(from_wire(&json!(1_718_434_800.123)), json!("2024-06-15T07:00:00.123Z"));
        assert_eq!(from_wire(&json!("soon")), json!("soon"));
        assert_eq!(from_wire(&json!(1e300)), json!(1e300));
    }

    #[test]
    fn every_wire_format_is_written() {
        let instant = parse(&json!("2024-06-15T07:00:00.5Z")).unwrap();
        assert_eq!(to_wire(instant, Format::Unix), json!(1_718_434_800.5));
        let whole = parse(&json!("2024-06-15T07:00:00Z")).unwrap();
        assert_eq!(to_wire(whole, Format::Unix), json!(1_718_434_800));
        assert_eq!(to_wire(whole, Format::Iso8601), json!("2024-06-15T07:00:00Z"));
        assert_eq!(to_wire(whole, Format::HttpDate), json!("Sat, 15 Jun 2024 07:00:00 GMT"));
    }
}
