//! `GetMetricStatistics`

use serde_json::{Map, Value, json};

use sagewright_cloud_core::api::{ApiError, Call};

use crate::input::{metric, texts, time};
use crate::statistic::{NoStatistic, Statistic};
use crate::windows::{Windows, period};
use crate::{CloudWatch, combination, invalid, unsupported};

/// Data points of an answer.
const MOST: i64 = 1440;

pub(crate) async fn get(cloudwatch: &CloudWatch, call: &Call) -> Result<Value, ApiError> {
    let (start, end) = (time(call, "StartTime")?, time(call, "EndTime")?);
    if start >= end {
        return Err(invalid("The parameter StartTime must be less than the parameter EndTime."));
    }
    let period = period(call.input["Period"].as_i64().unwrap_or_default(), "Period")?;
    let (plain, extended) = (texts(&call.input, "Statistics"), texts(&call.input, "ExtendedStatistics"));
    match (plain.is_empty(), extended.is_empty()) {
        (true, true) => return Err(combination("Must specify either Statistics or ExtendedStatistics")),
        (false, false) => {
            return Err(combination("Must specify either Statistics or ExtendedStatistics, and not both"));
        }
        _ => {}
    }
    let plain = statistics(&plain, "Statistics")?;
    let extended = statistics(&extended, "ExtendedStatistics")?;
    let windows = Windows::of(call, start, end, period);
    if windows.count() > MOST {
        return Err(combination(format!(
            "You have requested up to {} datapoints, which exceeds the limit of 1,440. You may reduce the datapoints \
             requested by increasing Period, or decreasing the time range.",
            grouped(windows.count())
        )));
    }
    let metric = metric(call, call.text("Namespace").unwrap_or_default(), &call.input);
    let label = metric.name.clone();
    let unit = call.text("Unit").map(str::to_owned);
    let found = windows.stats(&cloudwatch.metrics, metric, unit, !extended.is_empty()).await?;
    let mut points = Vec::new();
    for (start, unit, stats) in found {
        let of = |statistics: &[(&str, Statistic)]| -> Map<String, Value> {
            let values = statistics.iter().filter_map(|(name, s)| Some(((*name).to_owned(), s.of(&stats)?.into())));
            values.collect()
        };
        let mut point = of(&plain);
        let more = of(&extended);
        if !extended.is_empty() {
            if more.is_empty() {
                continue;
            }
            point.insert("ExtendedStatistics".into(), more.into());
        }
        point.insert("Timestamp".into(), start.into());
        point.insert("Unit".into(), unit.into());
        points.push(Value::Object(point));
    }
    Ok(json!({"Label": label, "Datapoints": points}))
}

/// Statistics by the names that they are asked for.
fn statistics<'t>(texts: &[&'t str], member: &str) -> Result<Vec<(&'t str, Statistic)>, ApiError> {
    let mut out = Vec::new();
    for (n, text) in texts.iter().enumerate() {
        match Statistic::parse(text) {
            Ok(statistic) => out.push((*text, statistic)),
            Err(NoStatistic::NotHere) => {
                return Err(unsupported(&format!("The statistic {text}"), "use percentiles (p50, p99.9)"));
            }
            Err(NoStatistic::Unknown) => {
                let place = n + 1;
                return Err(invalid(format!(
                    "The value {text} for parameter {member}.member.{place} is not supported."
                )));
            }
        }
    }
    Ok(out)
}

/// With commas between thousands.
fn grouped(number: i64) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}
