//! When a schedule runs: the cron expressions that Model Monitor takes, and `NOW`.
//!
//! <https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-schedule-expression.html>

use jiff::Timestamp;

/// Milliseconds of an hour.
const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// When a schedule runs. All times are UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expression {
    /// Once, as soon as it is created.
    Now,
    /// At each hour.
    Hourly,
    /// At an hour of each day, and every so many hours from then on until midnight.
    Daily { hour: i64, step: i64 },
}

impl Expression {
    /// Reads an expression. Without one, a schedule runs daily, here at midnight.
    ///
    /// # Errors
    /// It is none of those that Model Monitor takes: a sentence that names them.
    pub fn read(text: Option<&str>) -> Result<Self, String> {
        let Some(text) = text.map(str::trim) else { return Ok(Self::Daily { hour: 0, step: 24 }) };
        if text == "NOW" {
            return Ok(Self::Now);
        }
        Self::cron(text).ok_or_else(|| {
            format!(
                "The schedule expression '{text}' is not supported. Supported are cron(0 * ? * * *), cron(0 [00-23] ? * * *), \
                 cron(0 [00-23]/[01-24] ? * * *) and NOW."
            )
        })
    }

    fn cron(text: &str) -> Option<Self> {
        let inside = text.strip_prefix("cron(")?.strip_suffix(')')?;
        let fields: Vec<&str> = inside.split_whitespace().collect();
        let [minute, hours, "?", "*", "*", "*"] = fields[..] else { return None };
        if minute != "0" {
            return None;
        }
        let number = |text: &str, within: std::ops::RangeInclusive<i64>| {
            let plain = !text.is_empty() && text.len() <= 2 && text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse().ok().filter(|number| plain && within.contains(number))
        };
        match hours.split_once('/') {
            None if hours == "*" => Some(Self::Hourly),
            None => Some(Self::Daily { hour: number(hours, 0..=23)?, step: 24 }),
            Some((hour, step)) => Some(Self::Daily { hour: number(hour, 0..=23)?, step: number(step, 1..=24)? }),
        }
    }

    fn at(self, time: i64) -> bool {
        match self {
            Self::Now => false,
            Self::Hourly => true,
            Self::Daily { hour, step } => {
                let of_day = time.rem_euclid(DAY) / HOUR;
                of_day >= hour && (of_day - hour) % step == 0
            }
        }
    }

    /// The next run after a time, in milliseconds since 1970; none of `NOW`.
    pub fn next(self, after: i64) -> Option<i64> {
        let first = (after.div_euclid(HOUR) + 1) * HOUR;
        (0..=24).map(|hours| first + hours * HOUR).find(|time| self.at(*time))
    }

    /// The run before one.
    pub fn previous(self, run: i64) -> i64 {
        (1..=24).map(|hours| run - hours * HOUR).find(|time| self.at(*time)).unwrap_or(run - HOUR)
    }
}

/// An offset as ISO 8601 writes durations, such as `-PT1H` or `-P2D`, in milliseconds.
///
/// # Errors
/// It is no duration of days, hours, minutes and seconds.
pub(crate) fn offset(member: &str, text: &str) -> Result<i64, String> {
    read(text).ok_or_else(|| {
        format!("{member} '{text}' is not valid: give an offset of days and hours as ISO 8601 writes durations, such as -PT1H or -P2D.")
    })
}

fn read(text: &str) -> Option<i64> {
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let (days, time) = rest.strip_prefix('P')?.split_once('T').map_or((rest.strip_prefix('P')?, ""), |(d, t)| (d, t));
    let mut total = 0i64;
    let mut parts = 0;
    for (text, units) in [(days, &[('D', DAY)][..]), (time, &[('H', HOUR), ('M', 60_000), ('S', 1000)])] {
        let mut number = String::new();
        let mut left = units;
        for character in text.chars() {
            if character.is_ascii_digit() {
                number.push(character);
                continue;
            }
            let at = left.iter().position(|(unit, _)| *unit == character)?;
            let (count, unit): (i64, i64) = (std::mem::take(&mut number).parse().ok()?, left.get(at)?.1);
            total = total.checked_add(count.checked_mul(unit)?)?;
            left = left.get(at + 1..)?;
            parts += 1;
        }
        if !number.is_empty() {
            return None;
        }
    }
    // Ten years and more are a mistake.
    (parts > 0 && total < 3660 * DAY).then_some(sign * total)
}

/// A time as the environment of a job has it.
pub(crate) fn stamp(time: i64) -> String {
    Timestamp::from_millisecond(time).unwrap_or_default().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The folder of an hour: `yyyy/mm/dd/hh`.
pub(crate) fn hour(time: i64) -> String {
    Timestamp::from_millisecond(time).unwrap_or_default().strftime("%Y/%m/%d/%H").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The beginning of an hour that a folder's name tells.
    fn of_hour(text: &str) -> i64 {
        format!("{}:00:00Z", text.replacen('/', "-", 2).replacen('/', "T", 1))
            .parse::<Timestamp>()
            .unwrap()
            .as_millisecond()
    }

    #[test]
    fn the_expressions_of_the_guide_are_read() {
        for (text, expected) in [
            (Some("NOW"), Expression::Now),
            (Some("cron(0 * ? * * *)"), Expression::Hourly),
            (Some("cron(0 12 ? * * *)"), Expression::Daily { hour: 12, step: 24 }),
            (Some("cron(0 00 ? * * *)"), Expression::Daily { hour: 0, step: 24 }),
            (Some("cron(0 17/12 ? * * *)"), Expression::Daily { hour: 17, step: 12 }),
            (Some("cron(0 0/2 ? * * *)"), Expression::Daily { hour: 0, step: 2 }),
            (None, Expression::Daily { hour: 0, step: 24 }),
        ] {
            assert_eq!(Expression::read(text), Ok(expected), "{text:?}");
        }
        for text in [
            "",
            "now",
            "rate(1 hour)",
            "cron(5 * ? * * *)",
            "cron(0 24 ? * * *)",
            "cron(0 0/25 ? * * *)",
            "cron(0 0/0 ? * * *)",
            "cron(0 * * * ? *)",
            "cron(0 +1 ? * * *)",
            "cron(0 * ? * MON *)",
            "cron(0 * ? * *)",
        ] {
            assert!(Expression::read(Some(text)).unwrap_err().contains("NOW"), "{text}");
        }
    }

    #[test]
    fn runs_follow_each_other() {
        for (text, after, runs, window) in [
            ("cron(0 * ? * * *)", "2026/01/01/00", ["2026/01/01/01", "2026/01/01/02"], 1),
            ("cron(0 12 ? * * *)", "2026/01/01/12", ["2026/01/02/12", "2026/01/03/12"], 24),
            ("cron(0 17/12 ? * * *)", "2026/01/01/00", ["2026/01/01/17", "2026/01/02/17"], 24),
            ("cron(0 0/10 ? * * *)", "2026/01/01/00", ["2026/01/01/10", "2026/01/01/20"], 10),
            ("cron(0 0/10 ? * * *)", "2026/01/01/20", ["2026/01/02/00", "2026/01/02/10"], 10),
        ] {
            let expression = Expression::read(Some(text)).unwrap();
            let first = expression.next(of_hour(after)).unwrap();
            let second = expression.next(first).unwrap();
            assert_eq!([hour(first), hour(second)], runs, "{text}");
            assert_eq!(second - expression.previous(second), window * HOUR, "{text}");
        }
        // From within an hour, the next one.
        assert_eq!(Expression::Hourly.next(1), Some(HOUR));
        assert_eq!(Expression::Now.next(0), None);
    }

    #[test]
    fn offsets_are_durations() {
        for (text, expected) in [
            ("-PT1H", Some(-HOUR)),
            ("-P2D", Some(-2 * DAY)),
            ("PT0H", Some(0)),
            ("-P1DT2H30M", Some(-(DAY + 2 * HOUR + 1_800_000))),
            ("+PT10S", Some(10_000)),
            ("P", None),
            ("-PT", None),
            ("-PTH", None),
            ("-PT1", None),
            ("-P1H", None),
            ("-PT1M1H", None),
            ("1H", None),
            ("-P9999999999999999999D", None),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
        assert_eq!(stamp(0), "1970-01-01T00:00:00Z");
    }
}
