//! Metrics of CloudWatch.

pub(crate) mod endpoint;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use sagewright_engine::cloud::CloudError;
use sagewright_engine::paging;
use serde_json::{Value, json};

use crate::context::Context;
use crate::steps::instant;

/// Queries of a `GetMetricData`.
const AT_ONCE: usize = 500;
/// The longest period, in seconds.
const DAY: i64 = 86_400;

/// A stretch of time, and the periods that it is told in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
    /// Seconds, whole minutes.
    pub(crate) period: i64,
}

impl Window {
    /// The time from a moment on until now, in whole periods: the one that is not over counts.
    pub(crate) fn since(from: Timestamp, now: Timestamp, period: i64) -> Self {
        let whole = |seconds: i64| Timestamp::from_second(seconds).unwrap_or(now);
        let from = from.as_second().min(now.as_second());
        let start = from - from.rem_euclid(period);
        let count = (now.as_second() - start) / period + 1;
        Self { from: whole(start), to: whole(start + count * period), period }
    }

    /// The last so long.
    pub(crate) fn last(length: Duration, now: Timestamp, period: i64) -> Self {
        let seconds = i64::try_from(length.as_secs()).unwrap_or(i64::MAX);
        let from = Timestamp::from_second(now.as_second().saturating_sub(seconds)).unwrap_or(Timestamp::UNIX_EPOCH);
        Self::since(from, now, period)
    }

    /// The same time in as few periods as there can be.
    fn whole(self) -> Self {
        Self { period: (self.to.as_second() - self.from.as_second()).clamp(60, DAY), ..self }
    }
}

/// A metric with one of its statistics.
#[derive(Debug, Clone)]
pub(crate) struct Query {
    pub(crate) namespace: &'static str,
    pub(crate) metric: String,
    pub(crate) dimensions: Vec<(&'static str, String)>,
    /// `Sum`, `p99`.
    pub(crate) statistic: &'static str,
}

/// Values by the start of their period.
pub(crate) type Points = BTreeMap<Timestamp, f64>;

/// The values of all queries, in their order.
///
/// # Errors
/// They cannot be read.
pub(crate) async fn read(context: &Context, queries: &[Query], window: Window) -> Result<Vec<Points>, CloudError> {
    let mut all = Vec::new();
    for part in queries.chunks(AT_ONCE) {
        let asked: Vec<Value> = part.iter().enumerate().map(|(n, query)| query.document(n, window.period)).collect();
        let input = json!({
            "MetricDataQueries": asked, "StartTime": window.from, "EndTime": window.to, "ScanBy": "TimestampAscending",
        });
        let pages = paging::pages(&context.aws, &context.target, "cloudwatch", "GetMetricData", input).await?;
        let mut points = vec![Points::new(); part.len()];
        for result in pages.iter().flat_map(|page| page["MetricDataResults"].as_array().into_iter().flatten()) {
            let n = result["Id"].as_str().and_then(|id| id.strip_prefix('q')?.parse::<usize>().ok());
            let Some(points) = n.and_then(|n| points.get_mut(n)) else { continue };
            let list = |member: &str| result[member].as_array().into_iter().flatten();
            points.extend(list("Timestamps").zip(list("Values")).filter_map(|(time, value)| {
                let value = value.as_f64()?;
                Some((instant(time)?, value))
            }));
        }
        all.extend(points);
    }
    Ok(all)
}

impl Query {
    fn document(&self, n: usize, period: i64) -> Value {
        let dimensions: Vec<_> =
            self.dimensions.iter().map(|(name, value)| json!({"Name": name, "Value": value})).collect();
        json!({
            "Id": format!("q{n}"),
            "MetricStat": {
                "Metric": {"Namespace": self.namespace, "MetricName": self.metric, "Dimensions": dimensions},
                "Period": period,
                "Stat": self.statistic,
            },
        })
    }
}

/// A count or another number for people: whole where it is.
pub(crate) fn number(value: Option<f64>) -> String {
    match value {
        None => "-".to_owned(),
        Some(value) if value.fract() == 0.0 => format!("{value:.0}"),
        Some(value) => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_whole_periods_with_the_present_one() {
        let at = |text: &str| format!("2026-01-10T{text}Z").parse::<Timestamp>().unwrap();
        let told = |window: Window| (window.from, window.to, window.period);
        let hour = Duration::from_secs(3600);
        assert_eq!(told(Window::last(hour, at("12:00:30"), 60)), (at("11:00:00"), at("12:01:00"), 60));
        assert_eq!(told(Window::last(hour, at("12:00:00"), 300)), (at("11:00:00"), at("12:05:00"), 300));
        assert_eq!(told(Window::last(hour, at("12:00:30"), 60).whole()), (at("11:00:00"), at("12:01:00"), 3660));
        let later = Window::since(at("13:00:00"), at("12:00:30"), 60);
        assert_eq!(told(later), (at("12:00:00"), at("12:01:00"), 60), "a clock that runs behind");
    }

    #[test]
    fn numbers_are_as_short_as_they_can_be() {
        assert_eq!([None, Some(0.0), Some(1500.0), Some(0.333)].map(number), ["-", "0", "1500", "0.33"]);
    }
}
