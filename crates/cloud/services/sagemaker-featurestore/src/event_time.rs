//! Event times: ISO 8601 in two forms, or seconds since 1970.

use jiff::SignedDuration;
use jiff::civil::DateTime;

use crate::definition::FeatureType;

/// The forms that a text may have; `0` stands for a digit.
const FORMS: [&str; 2] = ["0000-00-00T00:00:00Z", "0000-00-00T00:00:00.000Z"];

/// 0000-01-01T00:00:00.000Z and 9999-12-31T23:59:59.999Z, the range of event times.
const RANGE: std::ops::RangeInclusive<i64> = -62_167_219_200_000..=253_402_300_799_999;

/// Whole range of event times included, which instants of `jiff` are not.
const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

/// Milliseconds since 1970 of an event time.
///
/// # Errors
/// Which form it should have.
pub fn millis(kind: FeatureType, text: &str) -> Result<i64, String> {
    let time = match kind {
        FeatureType::Fractional => of_seconds(text),
        _ => of_iso(text),
    };
    time.filter(|time| RANGE.contains(time)).ok_or_else(|| {
        let form = match kind {
            FeatureType::Fractional => "seconds since 1970, for example 1767225600.5",
            _ => "ISO 8601 in UTC, yyyy-MM-dd'T'HH:mm:ssZ or yyyy-MM-dd'T'HH:mm:ss.SSSZ",
        };
        format!("The event time '{text}' is not of the form that the event time feature has: {form}.")
    })
}

fn of_iso(text: &str) -> Option<i64> {
    let fits = |form: &&&str| {
        form.len() == text.len()
            && form.bytes().zip(text.bytes()).all(|(f, t)| if f == b'0' { t.is_ascii_digit() } else { f == t })
    };
    FORMS.iter().find(fits)?;
    let time: DateTime = text.strip_suffix('Z')?.parse().ok()?;
    i64::try_from(time.duration_since(EPOCH).as_millis()).ok()
}

fn of_seconds(text: &str) -> Option<i64> {
    let seconds: f64 = text.parse().ok()?;
    let millis = (seconds * 1000.0).round();
    #[allow(clippy::cast_possible_truncation)] // the range is checked by the caller, and far below 2^53
    (millis.abs() < 1e15).then_some(millis as i64)
}

/// A time of UTC; the end of the year 9999 stands for what is later.
#[must_use]
pub fn utc(millis: i64) -> DateTime {
    EPOCH.checked_add(SignedDuration::from_millis(millis)).unwrap_or(DateTime::MAX)
}

/// A time as `ExpiresAt` shows it, in a form of event times.
#[must_use]
pub fn iso(millis: i64) -> String {
    let form = if millis.rem_euclid(1000) == 0 { "%Y-%m-%dT%H:%M:%SZ" } else { "%Y-%m-%dT%H:%M:%S.%3fZ" };
    utc(millis).strftime(form).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_time_is_one_of_two_iso_forms_or_seconds() {
        use FeatureType::{Fractional, String};
        let cases = [
            (String, "1970-01-01T00:00:01Z", Some(1000)),
            (String, "1970-01-01T00:00:01.250Z", Some(1250)),
            (String, "0000-01-01T00:00:00Z", Some(-62_167_219_200_000)),
            (String, "9999-12-31T23:59:59.999Z", Some(253_402_300_799_999)),
            (String, "1970-01-01T00:00:01+00:00", None),
            (String, "1970-01-01 00:00:01Z", None),
            (String, "1970-01-01T00:00:01.25Z", None),
            (String, "2026-02-30T00:00:00Z", None),
            (String, "1", None),
            (Fractional, "1", Some(1000)),
            (Fractional, "1.2504", Some(1250)),
            (Fractional, "-1.5", Some(-1500)),
            (Fractional, "1e11", Some(100_000_000_000_000)),
            (Fractional, "1e12", None),
            (Fractional, "NaN", None),
            (Fractional, "inf", None),
            (Fractional, "1970-01-01T00:00:01Z", None),
            (Fractional, "", None),
        ];
        for (kind, text, expected) in cases {
            assert_eq!(millis(kind, text).ok(), expected, "{text}");
            if let (String, Some(millis)) = (kind, expected) {
                assert_eq!(iso(millis), text);
            }
        }
        assert_eq!(iso(i64::MAX)[..11], *"9999-12-31T");
    }
}
