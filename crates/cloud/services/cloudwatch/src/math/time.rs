//! Parts of the time of a data point, in UTC.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Functions of the time, as CloudWatch numbers its parts: days of the week from Monday, 1, to Sunday, 7.
pub(super) fn part(name: &str) -> Option<fn(i64) -> f64> {
    Some(match name {
        "EPOCH" => whole,
        "MINUTE" => |at| civil(at).minute().into(),
        "HOUR" => |at| civil(at).hour().into(),
        "DAY" => |at| civil(at).weekday().to_monday_one_offset().into(),
        "DATE" => |at| civil(at).day().into(),
        "MONTH" => |at| civil(at).month().into(),
        "YEAR" => |at| civil(at).year().into(),
        _ => return None,
    })
}

#[allow(clippy::cast_precision_loss)] // far below 2^52
fn whole(at: i64) -> f64 {
    at as f64
}

fn civil(at: i64) -> DateTime {
    Timestamp::from_second(at).unwrap_or_default().to_zoned(TimeZone::UTC).datetime()
}
