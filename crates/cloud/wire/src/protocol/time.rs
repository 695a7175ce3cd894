//! Timestamps of answers in each protocol's form.

use jiff::Timestamp;
use sagewright_model::{Member, Shape};
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

/// How a place on the wire writes timestamps, unless the model says otherwise.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// `1700000000.123`
    Epoch,
    /// `2023-11-14T22:13:20Z`
    Iso8601,
    /// `Tue, 14 Nov 2023 22:13:20 GMT`
    HttpDate,
}

impl Format {
    /// That of a member or of its shape, or else of its place.
    pub(super) fn of(member: Option<&Member>, shape: &Shape, usual: Self) -> Self {
        match member.and_then(|m| m.timestamp_format.as_deref()).or(shape.timestamp_format.as_deref()) {
            Some("iso8601") => Self::Iso8601,
            Some("rfc822") => Self::HttpDate,
            Some("unixTimestamp") => Self::Epoch,
            _ => usual,
        }
    }

    /// Whether a text is a timestamp in this format.
    pub(super) fn reads(self, text: &str) -> bool {
        match self {
            Self::Epoch => {
                text.parse::<f64>().is_ok() && text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'-' | b'.'))
            }
            Self::Iso8601 => {
                text.len() >= "1996-12-19T16:39:57Z".len()
                    && text.ends_with('Z')
                    && text.as_bytes().get(10) == Some(&b'T')
                    && text.parse::<Timestamp>().is_ok()
            }
            Self::HttpDate => text.ends_with(" GMT") && jiff::fmt::rfc2822::parse(text).is_ok(),
        }
    }

    /// Whether a value of a JSON body is one: a number, or text in the other formats.
    pub(super) fn reads_json(self, value: &Value) -> bool {
        match value {
            Value::Number(_) => self == Self::Epoch,
            Value::String(text) => self != Self::Epoch && self.reads(text),
            _ => false,
        }
    }

    /// A timestamp as text.
    pub(super) fn write(self, millis: i64) -> String {
        match self {
            // Whole seconds outside JSON bodies, which `epoch` writes.
            Self::Epoch if millis % 1000 == 0 => (millis / 1000).to_string(),
            Self::Epoch => epoch(millis),
            Self::Iso8601 => iso8601(millis),
            Self::HttpDate => {
                let time = Timestamp::from_millisecond(millis).unwrap_or(Timestamp::UNIX_EPOCH);
                time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
            }
        }
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

    /// Facts of the Smithy project's protocol tests.
    #[test]
    fn a_format_is_told_from_the_others() {
        for (format, text, is_one) in [
            (Format::Iso8601, "1985-04-12T23:20:50.52Z", true),
            (Format::Iso8601, "1996-12-19T16:39:57-08:00", false),
            (Format::Iso8601, "1996-12-19T16:39Z", false),
            (Format::Iso8601, "1996-12-19 16:39:57Z", false),
            (Format::Iso8601, "1515531081", false),
            (Format::HttpDate, "Tue, 29 Apr 2014 18:30:38 GMT", true),
            (Format::HttpDate, "1985-04-12T23:20:50Z", false),
            (Format::Epoch, "1515531081.1234", true),
            (Format::Epoch, "1515531081ABC", false),
            (Format::Epoch, "1515531081.123.456", false),
            (Format::Epoch, "Infinity", false),
            (Format::Epoch, "0x42", false),
        ] {
            assert_eq!(format.reads(text), is_one, "{text}");
        }
        assert!(Format::Epoch.reads_json(&json!(1)) && !Format::Epoch.reads_json(&json!("1")));
        assert!(!Format::HttpDate.reads_json(&json!(1)));
    }

    /// Facts of the Smithy project's protocol tests.
    #[test]
    fn each_format_is_written() {
        for (format, text) in [
            (Format::Epoch, "1576540098"),
            (Format::HttpDate, "Mon, 16 Dec 2019 23:48:18 GMT"),
            (Format::Iso8601, "2019-12-16T23:48:18Z"),
        ] {
            assert_eq!(format.write(1_576_540_098_000), text);
        }
        assert_eq!(Format::Epoch.write(1_576_540_098_120), "1576540098.120");
    }
}
