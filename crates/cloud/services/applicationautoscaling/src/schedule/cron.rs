//! Cron expressions as AWS has them: six fields, `?`, `L`, `W` and `#`, in a time zone.

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

/// Years that are searched for the next run: leap days on one day of the week come every 28 years, 40 around 2100.
const YEARS: i16 = 41;
/// The years that AWS takes.
const FIRST_YEAR: u16 = 1970;
const LAST_YEAR: u16 = 2199;

const MONTHS: [&str; 12] = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
/// Sunday is the first day, as 1.
const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cron {
    minutes: Vec<u16>,
    hours: Vec<u16>,
    days: Days,
    months: Vec<u16>,
    weekdays: Weekdays,
    years: Vec<u16>,
    zone: TimeZone,
}

#[derive(Debug, Clone, PartialEq)]
enum Days {
    Any,
    These(Vec<u16>),
    /// `L`
    Last,
    /// The weekday that is nearest to a day in its month, `15W`; to the last one for `LW`.
    Nearest(Option<u16>),
}

#[derive(Debug, Clone, PartialEq)]
enum Weekdays {
    Any,
    These(Vec<u16>),
    /// The last of a day of the week in the month, `6L`.
    Last(u16),
    /// `6#3`
    Nth(u16, u16),
}

/// A field of numbers.
struct Field {
    name: &'static str,
    first: u16,
    last: u16,
    names: &'static [&'static str],
}

const MINUTES: Field = Field { name: "minutes", first: 0, last: 59, names: &[] };
const HOURS: Field = Field { name: "hours", first: 0, last: 23, names: &[] };
const DAY: Field = Field { name: "day of month", first: 1, last: 31, names: &[] };
const MONTH: Field = Field { name: "month", first: 1, last: 12, names: &MONTHS };
const WEEKDAY: Field = Field { name: "day of week", first: 1, last: 7, names: &DAYS };
const YEAR: Field = Field { name: "year", first: FIRST_YEAR, last: LAST_YEAR, names: &[] };

impl Field {
    fn number(&self, text: &str) -> Result<u16, String> {
        let named = self.names.iter().position(|name| name.eq_ignore_ascii_case(text));
        let number = named.and_then(|at| u16::try_from(at).ok()).map(|at| at + self.first);
        let digits = || text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
        number
            .or_else(digits)
            .filter(|number| (self.first..=self.last).contains(number))
            .ok_or_else(|| format!("'{text}' is no {} from {} to {}", self.name, self.first, self.last))
    }

    /// `*`, `1`, `1-5`, `1,3`, `0/15`, `1-30/5` and lists of them.
    fn numbers(&self, text: &str) -> Result<Vec<u16>, String> {
        let mut out = Vec::new();
        for part in text.split(',') {
            let (range, step) = match part.split_once('/') {
                Some((range, step)) => {
                    let step: u16 = step
                        .parse()
                        .ok()
                        .filter(|step| *step > 0)
                        .ok_or_else(|| format!("'{step}' is no increment of the {}", self.name))?;
                    (range, Some(step))
                }
                None => (part, None),
            };
            let (first, last) = match range.split_once('-') {
                _ if range == "*" => (self.first, self.last),
                Some((first, last)) => (self.number(first)?, self.number(last)?),
                None if step.is_some() => (self.number(range)?, self.last),
                None => (self.number(range)?, self.number(range)?),
            };
            let step = usize::from(step.unwrap_or(1));
            if first <= last {
                out.extend((first..=last).step_by(step));
            } else {
                // FRI-MON goes over the end.
                out.extend((first..=self.last).chain(self.first..=last).step_by(step));
            }
        }
        out.sort_unstable();
        out.dedup();
        Ok(out)
    }
}

impl Cron {
    /// Reads the fields.
    ///
    /// # Errors
    /// What is wrong: a part of a sentence.
    pub fn read(text: &str, zone: TimeZone) -> Result<Self, String> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minutes, hours, day, month, weekday, year] = fields[..] else {
            return Err(format!("it has {} fields, and not six", fields.len()));
        };
        if (day == "?") == (weekday == "?") {
            return Err("one of day-of-month and day-of-week must be ?, and the other one not".to_owned());
        }
        Ok(Self {
            minutes: MINUTES.numbers(minutes)?,
            hours: HOURS.numbers(hours)?,
            days: days(day)?,
            months: MONTH.numbers(month)?,
            weekdays: weekdays(weekday)?,
            years: YEAR.numbers(year)?,
            zone,
        })
    }

    /// The next run after a time, in milliseconds since 1970.
    pub fn next(&self, after: i64) -> Option<i64> {
        let from = Timestamp::from_millisecond(after).ok()?.to_zoned(self.zone.clone());
        let last = from.year().checked_add(YEARS)?;
        let mut date = from.date();
        while date.year() <= last {
            if !u16::try_from(date.year()).is_ok_and(|year| self.years.contains(&year)) {
                let next = self.years.iter().find(|year| i32::from(**year) > i32::from(date.year()))?;
                date = Date::new(i16::try_from(*next).ok()?, 1, 1).ok()?;
                continue;
            }
            if !has(&self.months, date.month()) {
                date = date.last_of_month().checked_add(1.day()).ok()?;
                continue;
            }
            if let Some(run) = self.on(date).into_iter().filter(|run| *run > after).min() {
                return Some(run);
            }
            date = date.checked_add(1.day()).ok()?;
        }
        None
    }

    /// The last run at or before a time.
    pub fn last(&self, by: i64) -> Option<i64> {
        let from = Timestamp::from_millisecond(by).ok()?.to_zoned(self.zone.clone());
        let first = from.year().checked_sub(YEARS)?;
        let mut date = from.date();
        while date.year() >= first {
            if !u16::try_from(date.year()).is_ok_and(|year| self.years.contains(&year)) {
                let before = self.years.iter().rev().find(|year| i32::from(**year) < i32::from(date.year()))?;
                date = Date::new(i16::try_from(*before).ok()?, 12, 31).ok()?;
                continue;
            }
            if !has(&self.months, date.month()) {
                date = date.first_of_month().checked_sub(1.day()).ok()?;
                continue;
            }
            if let Some(run) = self.on(date).into_iter().filter(|run| *run <= by).max() {
                return Some(run);
            }
            date = date.checked_sub(1.day()).ok()?;
        }
        None
    }

    /// The runs on a day. A time that a change of clocks leaves out is run when it would have been, and one that comes twice is run
    /// once.
    fn on(&self, date: Date) -> Vec<i64> {
        if !self.days.has(date) || !self.weekdays.has(date) {
            return Vec::new();
        }
        let times = self.hours.iter().flat_map(|hour| self.minutes.iter().map(move |minute| (*hour, *minute)));
        let instants = times.filter_map(|(hour, minute)| {
            let time = date.at(i8::try_from(hour).ok()?, i8::try_from(minute).ok()?, 0, 0);
            Some(self.zone.to_zoned(time).ok()?.timestamp().as_millisecond())
        });
        instants.collect()
    }
}

fn has(numbers: &[u16], number: i8) -> bool {
    u16::try_from(number).is_ok_and(|number| numbers.contains(&number))
}

fn days(text: &str) -> Result<Days, String> {
    Ok(match text {
        "?" | "*" => Days::Any,
        "L" => Days::Last,
        "LW" => Days::Nearest(None),
        _ => match text.strip_suffix('W') {
            Some(day) => Days::Nearest(Some(DAY.number(day)?)),
            None => Days::These(DAY.numbers(text)?),
        },
    })
}

fn weekdays(text: &str) -> Result<Weekdays, String> {
    if let Some((day, nth)) = text.split_once('#') {
        let nth = nth.parse().ok().filter(|nth| (1..=5).contains(nth));
        return Ok(Weekdays::Nth(WEEKDAY.number(day)?, nth.ok_or("a day of the week comes up to five times a month")?));
    }
    Ok(match text {
        "?" | "*" => Weekdays::Any,
        "L" => Weekdays::These(vec![7]),
        _ => match text.strip_suffix('L') {
            Some(day) => Weekdays::Last(WEEKDAY.number(day)?),
            None => Weekdays::These(WEEKDAY.numbers(text)?),
        },
    })
}

impl Days {
    fn has(&self, date: Date) -> bool {
        match self {
            Self::Any => true,
            Self::These(days) => has(days, date.day()),
            Self::Last => date.day() == date.days_in_month(),
            Self::Nearest(day) => {
                let wanted = day.map_or(Some(date.days_in_month()), |day| i8::try_from(day).ok());
                wanted.and_then(|day| nearest(date, day)) == Some(date)
            }
        }
    }
}

impl Weekdays {
    fn has(&self, date: Date) -> bool {
        match self {
            Self::Any => true,
            Self::These(days) => days.contains(&number(date)),
            Self::Last(day) => number(date) == *day && date.day() + 7 > date.days_in_month(),
            Self::Nth(day, nth) => number(date) == *day && u16::try_from((date.day() - 1) / 7 + 1) == Ok(*nth),
        }
    }
}

/// Sunday is 1.
fn number(date: Date) -> u16 {
    u16::try_from(date.weekday().to_sunday_one_offset()).unwrap_or_default()
}

/// The working day of the same month that is nearest to a day of it. `None`: the month has no such day.
fn nearest(month: Date, day: i8) -> Option<Date> {
    let wanted = Date::new(month.year(), month.month(), day).ok()?;
    let by = match wanted.weekday() {
        Weekday::Saturday if day == 1 => 2,
        Weekday::Saturday => -1,
        Weekday::Sunday if day == month.days_in_month() => -2,
        Weekday::Sunday => 1,
        _ => 0,
    };
    wanted.checked_add(by.days()).ok()
}
