//! Periods of time that a metric's data are put together in, as a request asks for them.

use std::collections::BTreeMap;

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::metrics::{Bucket, Metric, Metrics, Resolution, Span, Stats};

use crate::{invalid, stored};

const DAY: i64 = 86_400;
/// Periods below a minute.
const SHORT: [i64; 5] = [1, 5, 10, 20, 30];
/// A day.
const LONGEST: i64 = DAY;

/// Periods from a start on, in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Windows {
    pub start: i64,
    /// What begins here or later is left out.
    pub end: i64,
    pub period: i64,
}

impl Windows {
    /// The periods of a request. As in CloudWatch, the start is taken down to a whole minute, five minutes or an hour,
    /// by its age.
    pub fn of(call: &Call, start: i64, end: i64, period: i64) -> Self {
        Self::asked(call.now.as_second(), start, end, period)
    }

    /// The same, asked at a time in seconds.
    fn asked(now: i64, start: i64, end: i64, period: i64) -> Self {
        let start = start.div_euclid(1000);
        // A part of a second counts.
        let end = end.saturating_add(999).div_euclid(1000);
        let unit = match now.saturating_sub(start) {
            _ if period < 60 => period,
            age if age > 63 * DAY => 3600,
            age if age > 15 * DAY => 300,
            _ => 60,
        };
        Self { start: start - start.rem_euclid(unit), end, period }
    }

    /// How many there are.
    pub fn count(&self) -> i64 {
        (self.end - self.start).max(0).saturating_add(self.period - 1) / self.period
    }

    /// The statistics of each period that has data, in order.
    pub async fn stats(
        self,
        metrics: &Metrics,
        metric: Metric,
        unit: Option<String>,
        spread: bool,
    ) -> Result<Vec<(i64, String, Stats)>, ApiError> {
        let resolution = Resolution::of(self.start, self.period);
        let span = Span { resolution, from: self.start, to: self.end, spread };
        let all = metrics.read(metric, span, move |buckets| self.fold(buckets, unit.as_deref())).await;
        all.map_err(stored)
    }

    /// The statistics of each period and unit in what was read.
    pub fn fold(self, buckets: Vec<Bucket>, unit: Option<&str>) -> Vec<(i64, String, Stats)> {
        let mut windows: BTreeMap<(i64, String), Stats> = BTreeMap::new();
        for bucket in buckets.into_iter().filter(|bucket| unit.is_none_or(|unit| bucket.unit == unit)) {
            let start = bucket.start - (bucket.start - self.start).rem_euclid(self.period);
            windows.entry((start, bucket.unit)).or_default().merge(&bucket.stats);
        }
        windows.into_iter().map(|((start, unit), stats)| (start, unit, stats)).collect()
    }
}

/// A `Period` that CloudWatch takes.
pub(crate) fn period(value: i64, name: &str) -> Result<i64, ApiError> {
    if SHORT.contains(&value) || (value > 0 && value % 60 == 0 && value <= LONGEST) {
        return Ok(value);
    }
    Err(invalid(format!("The parameter {name} must be 1, 5, 10, 20, 30 or a multiple of 60, and at most {LONGEST}.")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_is_taken_down_by_its_age_and_a_part_of_a_second_counts_at_the_end() {
        // A day, at 12:34:56.
        let start = 20_000 * DAY + 45_296;
        for (age, period, taken) in [
            (0, 1, 0),
            (0, 30, 26),
            (0, 60, 56),
            (15 * DAY, 60, 56),
            (15 * DAY + 1, 60, 4 * 60 + 56),
            (63 * DAY, 60, 4 * 60 + 56),
            (63 * DAY + 1, 60, 34 * 60 + 56),
        ] {
            let found = Windows::asked(start + age, start * 1000 + 999, start * 1000 + 60_001, period);
            let expected = Windows { start: start - taken, end: start + 61, period };
            assert_eq!(found, expected, "{age} {period}");
        }
    }

    #[test]
    fn data_are_put_together_from_the_start_on_by_unit() {
        let bucket = |start, unit: &str, value| Bucket { start, unit: unit.to_owned(), stats: Stats::of(value) };
        let windows = Windows { start: 60, end: 1000, period: 300 };
        let buckets = || {
            vec![
                bucket(60, "Count", 1.0),
                bucket(300, "Count", 2.0),
                bucket(300, "None", 4.0),
                bucket(360, "Count", 8.0),
            ]
        };
        let folded = |unit| -> Vec<_> {
            let all = windows.fold(buckets(), unit).into_iter();
            all.map(|(start, unit, stats)| (start, unit, stats.sum)).collect()
        };
        let count = |start, sum| (start, "Count".to_owned(), sum);
        assert_eq!(folded(Some("Count")), [count(60, 3.0), count(360, 8.0)]);
        assert_eq!(folded(None), [count(60, 3.0), (60, "None".to_owned(), 4.0), count(360, 8.0)]);
    }
}
