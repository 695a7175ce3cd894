//! When a scheduled action runs: `at(…)`, `rate(…)` and `cron(…)`. Pure.
//!
//! <https://docs.aws.amazon.com/autoscaling/application/userguide/scheduled-scaling-using-cron-expressions.html>

mod cron;
#[cfg(test)]
mod tests;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use cron::Cron;

/// A schedule.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Schedule {
    /// Once, at this millisecond since 1970.
    At(i64),
    /// Again after so many milliseconds.
    Rate(i64),
    /// By the fields of an expression.
    Cron(Box<Cron>),
}

impl Schedule {
    /// Reads a schedule in a time zone, `UTC` where there is none.
    ///
    /// # Errors
    /// It is none: a sentence for the caller.
    pub fn read(text: &str, zone: Option<&str>) -> Result<Self, String> {
        let name = zone.unwrap_or("UTC");
        let zone = TimeZone::get(name).map_err(|_| {
            format!("The time zone '{name}' is not valid: give the name of an IANA time zone, such as Europe/Berlin.")
        })?;
        let wrong = |why: &str| {
            format!(
                "The schedule '{text}' is not valid: {why}. Use at(yyyy-mm-ddThh:mm:ss), rate(value unit) or \
                 cron(minutes hours day-of-month month day-of-week year)."
            )
        };
        let (kind, inside) = text
            .strip_suffix(')')
            .and_then(|text| text.split_once('('))
            .ok_or_else(|| wrong("it has no parentheses"))?;
        match kind {
            "at" => at(inside, &zone).map(Self::At).map_err(|why| wrong(&why)),
            "rate" => rate(inside)
                .map(Self::Rate)
                .ok_or_else(|| wrong("a rate is a positive number and minutes, hours or days")),
            "cron" => Cron::read(inside, zone).map(|cron| Self::Cron(Box::new(cron))).map_err(|why| wrong(&why)),
            _ => Err(wrong("it is neither at, rate nor cron")),
        }
    }

    /// The next run after a time, for an action that was put at `begun`. All in milliseconds since 1970.
    pub fn next(&self, after: i64, begun: i64) -> Option<i64> {
        match self {
            Self::At(time) => Some(*time).filter(|time| *time > after),
            Self::Rate(period) => {
                let passed = after.saturating_sub(begun).max(0) / period + 1;
                begun.checked_add(passed.checked_mul(*period)?)
            }
            Self::Cron(cron) => cron.next(after),
        }
    }

    /// The last run at or before a time.
    fn last(&self, by: i64, begun: i64) -> Option<i64> {
        match self {
            Self::At(time) => Some(*time).filter(|time| *time <= by),
            Self::Rate(period) => {
                let passed = by.saturating_sub(begun) / period;
                (passed > 0).then(|| begun + passed * period)
            }
            Self::Cron(cron) => cron.last(by),
        }
    }
}

fn at(inside: &str, zone: &TimeZone) -> Result<i64, String> {
    let shape = inside.len() == 19 && inside.as_bytes().get(10) == Some(&b'T');
    let time: DateTime = inside
        .parse()
        .ok()
        .filter(|_| shape)
        .ok_or_else(|| "the time is not one of the form yyyy-mm-ddThh:mm:ss".to_owned())?;
    let zoned = zone.to_zoned(time).map_err(|_| "the time is out of bounds".to_owned())?;
    Ok(zoned.timestamp().as_millisecond())
}

fn rate(inside: &str) -> Option<i64> {
    let (count, unit) = inside.trim().split_once(' ')?;
    let count: i64 = count.parse().ok().filter(|count| *count > 0)?;
    let unit = match (unit.trim(), count) {
        ("minute" | "minutes", _) => 60_000,
        ("hour" | "hours", _) => 3_600_000,
        ("day" | "days", _) => 86_400_000,
        _ => return None,
    };
    count.checked_mul(unit)
}

/// `StartTime` and `EndTime` of an action.
type Span = (Option<i64>, Option<i64>);

/// When an action runs next: from its start on, at the start itself where the schedule recurs, and until its end.
pub(crate) fn next_run(schedule: &Schedule, after: i64, begun: i64, (start, end): Span) -> Option<i64> {
    let recurs = !matches!(schedule, Schedule::At(_));
    let next = match start {
        Some(start) if start > after && recurs => Some(start),
        Some(start) => schedule.next(after.max(start - 1), start),
        None => schedule.next(after, begun),
    };
    next.filter(|next| end.is_none_or(|end| *next <= end))
}

/// The last time at or before a time at which an action ran, or was to.
pub(crate) fn last_run(schedule: &Schedule, by: i64, begun: i64, (start, end): Span) -> Option<i64> {
    let by = end.map_or(by, |end| end.min(by));
    let last = schedule.last(by, start.unwrap_or(begun)).filter(|last| *last > begun);
    match start.filter(|start| *start <= by && *start > begun) {
        Some(start) if !matches!(schedule, Schedule::At(_)) => last.max(Some(start)),
        _ => last.filter(|last| start.is_none_or(|start| *last >= start)),
    }
}
