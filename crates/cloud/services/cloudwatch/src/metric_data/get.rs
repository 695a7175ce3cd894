//! `GetMetricData`

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::metrics::Stats;
use sagewright_cloud_core::token;

use super::page::{Answer, Place, page};
use super::query::{Query, Source, in_expression, queries};
use crate::input::time;
use crate::math::{Data, MathError, Scope, Series, evaluate};
use crate::statistic::Statistic;
use crate::windows::Windows;
use crate::{CloudWatch, validation};

/// Data points of an answer, as in AWS.
const PAGE: usize = 100_800;
/// Data points that the queries of a request may have together.
const MOST: usize = 10 * PAGE;

pub(crate) async fn get(cloudwatch: &CloudWatch, call: &Call) -> Result<Value, ApiError> {
    let (start, end) = (time(call, "StartTime")?, time(call, "EndTime")?);
    if start > end {
        return Err(validation("The parameter EndTime must be greater than StartTime."));
    }
    if start == end {
        return Err(validation("The parameter StartTime must not equal parameter EndTime."));
    }
    let most = match call.input.get("MaxDatapoints").and_then(Value::as_i64) {
        None => PAGE,
        Some(most) => usize::try_from(most).ok().filter(|most| (1..=PAGE).contains(most)).ok_or_else(|| {
            validation(format!("The value {most} for parameter MaxDatapoints is invalid: it is from 1 to {PAGE}."))
        })?,
    };
    let after = after(call)?;
    let queries = queries(call)?;
    let windows = |period: i64| Windows::of(call, start, end, period);
    let known = read(cloudwatch, &queries, windows).await?;
    let starts = queries.iter().filter_map(|query| match query.source {
        Source::Metric { period, .. } => Some((period, windows(period).start)),
        Source::Math(_) => None,
    });
    let starts: HashMap<i64, i64> = starts.collect();
    let end = end.min(call.now.as_millisecond() + 1000).div_euclid(1000);
    let _turn = cloudwatch.computing.acquire().await;
    let computed = tokio::task::spawn_blocking(move || answers(queries, known, starts, end)).await;
    let all = computed.map_err(|error| ApiError::internal(format!("the expressions were not computed: {error}")))??;
    let newest_first = call.text("ScanBy") != Some("TimestampAscending");
    let (results, next) = page(&all, newest_first, after, most);
    let mut out = json!({"MetricDataResults": results, "Messages": []});
    if let Some(Place { result, at }) = next {
        out["NextToken"] = token::seal(call, &json!([result, at]), "").into();
    }
    Ok(out)
}

fn after(call: &Call) -> Result<Option<Place>, ApiError> {
    let Some(given) = call.text("NextToken") else { return Ok(None) };
    let place = token::open(call, given).and_then(|(place, _)| {
        let result = usize::try_from(place.get(0)?.as_u64()?).ok()?;
        Some(Place { result, at: place.get(1)?.as_i64()? })
    });
    let wrong = || ApiError::new("InvalidNextToken", 400, "The parameter NextToken is invalid.");
    place.map(Some).ok_or_else(wrong)
}

/// The time series of the queries that read a metric, by id.
async fn read(
    cloudwatch: &CloudWatch,
    queries: &[Query],
    windows: impl Fn(i64) -> Windows,
) -> Result<HashMap<String, Data>, ApiError> {
    let mut known = HashMap::new();
    let mut size = 0;
    for query in queries {
        let Source::Metric { metric, statistic, period, unit } = &query.source else { continue };
        let windows = windows(*period);
        let spread = statistic.needs_spread();
        let found = windows.stats(&cloudwatch.metrics, metric.clone(), unit.clone(), spread).await?;
        let points = points(found, *statistic);
        size += points.len();
        if size > MOST {
            return Err(validation(format!(
                "The queries have more than {MOST} data points together. Increase their Period, or decrease the time range."
            )));
        }
        let label = query.label.clone().unwrap_or_else(|| metric.name.clone());
        known.insert(query.id.clone(), Data::Series(Series { label, period: windows.period, points }));
    }
    Ok(known)
}

/// A statistic of each period; values of all units together.
fn points(found: Vec<(i64, String, Stats)>, statistic: Statistic) -> Vec<(i64, f64)> {
    let mut windows: BTreeMap<i64, Stats> = BTreeMap::new();
    for (start, _, stats) in found {
        windows.entry(start).or_default().merge(&stats);
    }
    windows.into_iter().filter_map(|(start, stats)| Some((start, statistic.of(&stats)?))).collect()
}

/// What is answered of all queries, in their order.
fn answers(
    queries: Vec<Query>,
    known: HashMap<String, Data>,
    starts: HashMap<i64, i64>,
    end: i64,
) -> Result<Vec<Answer>, ApiError> {
    let mut values = values(&queries, known, starts, end)?;
    let mut out = Vec::new();
    for query in queries.iter().filter(|query| query.returned) {
        let data = values.remove(query.id.as_str()).unwrap_or(Data::Number(0.0));
        let many = matches!(data, Data::Array(_));
        if !matches!(data, Data::Series(_) | Data::Array(_)) {
            let why = format!("it is {}, and has to be a time series", data.kind());
            return Err(in_expression(&query.id, MathError::Wrong(why)));
        }
        for mut series in data.series() {
            if matches!(query.source, Source::Math(_)) {
                series.label = match (&query.label, many) {
                    (Some(label), true) => format!("{label} {}", series.label).trim_end().to_owned(),
                    (Some(label), false) => label.clone(),
                    (None, true) if !series.label.is_empty() => format!("{} {}", query.id, series.label),
                    (None, _) => query.id.clone(),
                };
            }
            out.push(Answer { id: query.id.clone(), series });
        }
    }
    Ok(out)
}

/// The values of all queries by their ids, from what is known of those that read a metric. `starts` is the start of the
/// periods by their length, and they end before `end`, in seconds since 1970.
pub(crate) fn values(
    queries: &[Query],
    known: HashMap<String, Data>,
    starts: HashMap<i64, i64>,
    end: i64,
) -> Result<HashMap<&str, Data>, ApiError> {
    let metrics = queries.iter().filter(|query| matches!(query.source, Source::Metric { .. }));
    let mut scope = Scope {
        known: queries.iter().filter_map(|q| Some((q.id.as_str(), known.get(&q.id)?.clone()))).collect(),
        metrics: metrics.map(|query| query.id.as_str()).collect(),
        starts,
        end,
        work: Cell::new(0),
    };
    drop(known);
    compute(queries, &mut scope)?;
    Ok(scope.known)
}

/// Computes each expression once all that it names is known.
fn compute<'q>(queries: &'q [Query], scope: &mut Scope<'q>) -> Result<(), ApiError> {
    let mut waiting: Vec<_> = queries
        .iter()
        .filter_map(|query| match &query.source {
            Source::Math(expression) => Some((query, expression)),
            Source::Metric { .. } => None,
        })
        .collect();
    let expressions: Vec<&str> = waiting.iter().map(|(query, _)| query.id.as_str()).collect();
    while !waiting.is_empty() {
        let before = waiting.len();
        let mut later = Vec::new();
        for (query, expression) in waiting {
            let mut names = Vec::new();
            expression.names(&mut names);
            if names.iter().any(|name| expressions.contains(name) && !scope.known.contains_key(name)) {
                later.push((query, expression));
                continue;
            }
            let data = evaluate(expression, scope).map_err(|error| in_expression(&query.id, error))?;
            scope.known.insert(&query.id, data);
        }
        if let Some((query, _)) = later.first()
            && later.len() == before
        {
            let why = "it needs its own value, or that of an expression that does".to_owned();
            return Err(in_expression(&query.id, MathError::Wrong(why)));
        }
        waiting = later;
    }
    Ok(())
}
