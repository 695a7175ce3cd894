//! ISO 8601 basic format, which signatures use.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// `20150830T123600Z`
#[must_use]
pub fn basic(time: Timestamp) -> String {
    let t = TimeZone::UTC.to_datetime(time);
    format!("{:04}{:02}{:02}T{:02}{:02}{:02}Z", t.year(), t.month(), t.day(), t.hour(), t.minute(), t.second())
}

/// Reads `20150830T123600Z`.
#[must_use]
pub fn parse_basic(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    if bytes.len() != 16 || bytes[8] != b'T' || bytes[15] != b'Z' {
        return None;
    }
    let number = |from: usize, to: usize| -> Option<i16> {
        bytes[from..to].iter().try_fold(0_i16, |n, b| b.is_ascii_digit().then(|| n * 10 + i16::from(b - b'0')))
    };
    let small = |from: usize| -> Option<i8> { number(from, from + 2)?.try_into().ok() };
    let civil = DateTime::new(number(0, 4)?, small(4)?, small(6)?, small(9)?, small(11)?, small(13)?, 0).ok()?;
    TimeZone::UTC.to_timestamp(civil).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_time_agree() {
        let time = parse_basic("20150830T123600Z").unwrap();
        assert_eq!(time.as_second(), 1_440_938_160);
        assert_eq!(basic(time), "20150830T123600Z");
        for bad in
            ["", "20150830T123600", "20151330T123600Z", "2015083aT123600Z", "20150830 123600Z", "é0150830T12360Z"]
        {
            assert_eq!(parse_basic(bad), None, "{bad}");
        }
    }
}
