//! Statistics of values, one after the other.

use sagewright_cloud_sagemaker_base::resource::seconds;
use serde_json::{Value, json};

use super::point::Point;

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stats {
    pub count: u64,
    min: f64,
    max: f64,
    avg: f64,
    /// Of the whole population.
    deviation: f64,
    last: f64,
    /// Time of the last value, in milliseconds.
    at: i64,
}

impl Stats {
    /// Of one value.
    pub fn of(point: &Point) -> Self {
        let Point { at, value, .. } = *point;
        Self { count: 1, min: value, max: value, avg: value, deviation: 0.0, last: value, at }
    }

    /// With a value more. The last one is the latest by its own time.
    pub fn add(&mut self, point: &Point) {
        let Point { at, value, .. } = *point;
        #[allow(clippy::cast_precision_loss)] // there are a million values at most
        let (before, now) = (self.count as f64, (self.count + 1) as f64);
        // Welford's method.
        let (from_old, squares) = (value - self.avg, self.deviation * self.deviation * before);
        let avg = finite(self.avg + from_old / now);
        self.deviation = finite(((squares + from_old * (value - avg)).max(0.0) / now).sqrt());
        self.avg = avg;
        self.count += 1;
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        if at >= self.at {
            (self.last, self.at) = (value, at);
        }
    }

    /// As a trial component shows it.
    pub fn summary(&self, metric: &str, source_arn: &str) -> Value {
        json!({
            "MetricName": metric, "SourceArn": source_arn, "TimeStamp": seconds(self.at), "Max": self.max, "Min": self.min,
            "Last": self.last, "Count": self.count, "Avg": self.avg, "StdDev": self.deviation,
        })
    }

    /// As it was shown; `None` for a metric of a job, which is not counted.
    pub fn read(summary: &Value) -> Option<Self> {
        let number = |member: &str| summary[member].as_f64();
        #[allow(clippy::cast_possible_truncation)] // a time that was an integer
        let at = (number("TimeStamp")? * 1000.0).round() as i64;
        Some(Self {
            count: summary["Count"].as_u64()?,
            min: number("Min")?,
            max: number("Max")?,
            avg: number("Avg")?,
            deviation: number("StdDev")?,
            last: number("Last")?,
            at,
        })
    }

    /// A statistic by its name in requests.
    pub fn get(&self, name: &str) -> f64 {
        match name {
            "Min" => self.min,
            "Max" => self.max,
            "Avg" => self.avg,
            #[allow(clippy::cast_precision_loss)] // there are a million values at most
            "Count" => self.count as f64,
            "StdDev" => self.deviation,
            _ => self.last,
        }
    }
}

/// Numbers at the end of the range have no average that is one.
fn finite(number: f64) -> f64 {
    if number.is_finite() { number } else { f64::MAX }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[(i64, f64)]) -> Stats {
        let point = |(at, value): &(i64, f64)| Point { at: *at, step: None, value: *value };
        let mut stats = Stats::of(&point(&values[0]));
        values[1..].iter().for_each(|value| stats.add(&point(value)));
        stats
    }

    #[test]
    fn values_are_counted_and_the_last_is_the_latest() {
        let stats = of(&[(3000, 2.0), (1000, 4.0), (3000, 6.0), (2000, 8.0)]);
        for (name, expected) in
            [("Min", 2.0), ("Max", 8.0), ("Avg", 5.0), ("Count", 4.0), ("StdDev", 5.0_f64.sqrt()), ("Last", 6.0)]
        {
            assert!((stats.get(name) - expected).abs() < 1e-12, "{name}: {}", stats.get(name));
        }
        assert_eq!(Stats::read(&stats.summary("m", "arn")), Some(stats));
        assert_eq!(Stats::read(&json!({ "MetricName": "m", "Last": 1.0 })), None);
    }

    #[test]
    fn the_largest_numbers_leave_a_summary_that_can_be_read() {
        let stats = of(&[(0, f64::MAX), (0, -f64::MAX), (0, f64::MAX), (0, f64::MAX)]);
        let summary = stats.summary("m", "arn");
        assert_eq!(Stats::read(&summary), Some(stats), "{summary}");
    }
}
