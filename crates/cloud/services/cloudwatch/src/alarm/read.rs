//! What a metric alarm watches, and when it goes off, as its configuration says it.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use sagewright_cloud_core::api::ApiError;
use sagewright_cloud_core::metrics::{Metric, Resolution, Span};

use crate::evaluation::{Comparison, Rule, Treatment};
use crate::input::{list, metric_of};
use crate::math::{Data, MathError, Series};
use crate::metric_data::get::values;
use crate::metric_data::query::{self, Query};
use crate::statistic::{NoStatistic, Statistic};
use crate::{combination, invalid, unsupported, validation};

/// AWS's limit of the queries of an alarm.
const QUERIES: usize = 20;
/// Most seconds that evaluation periods may come to: a day, and seven where a period has an hour or more.
const DAY: i64 = 86_400;
const WEEK: i64 = 7 * DAY;
const HOUR: i64 = 3600;
/// Data may be put ahead of time by so many seconds.
const AHEAD: i64 = 2 * HOUR + 60;

/// A metric alarm.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Measured {
    pub rule: Rule,
    pub source: Source,
    /// What the data of a reason have of it: its statistic and its unit.
    pub about: Map<String, Value>,
}

/// What is evaluated.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Source {
    /// A statistic of one metric. Who is patient waits for enough samples.
    Metric { wanted: Wanted, patient: bool },
    /// The value of one of some queries.
    Math(Arc<Math>),
}

/// Queries, one of which is evaluated.
#[derive(Debug, PartialEq)]
pub(crate) struct Math {
    pub queries: Vec<Query>,
    /// What is read, by the ids of the queries that read a metric.
    pub wanted: Vec<(String, Wanted)>,
}

/// A statistic of a metric.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Wanted {
    pub metric: Metric,
    pub statistic: Statistic,
    pub unit: Option<String>,
}

impl Measured {
    /// The metrics that are watched.
    pub fn metrics(&self) -> impl Iterator<Item = &Wanted> {
        let (one, many) = match &self.source {
            Source::Metric { wanted, .. } => (Some(wanted), &[][..]),
            Source::Math(math) => (None, math.wanted.as_slice()),
        };
        one.into_iter().chain(many.iter().map(|(_, wanted)| wanted))
    }

    /// What is read for an evaluation at a second. It goes on beyond, to tell whether there will be more to evaluate.
    pub fn span(&self, wanted: &Wanted, at: i64) -> Span {
        let from = self.rule.from(at);
        let resolution =
            if self.rule.period < 60 { Resolution::Second } else { Resolution::of(from, self.rule.period) };
        Span { resolution, from, to: at + AHEAD, spread: wanted.statistic.needs_spread() }
    }
}

/// Reads a configuration. An alarm that is kept was read when it was put.
pub(crate) fn measured(account: &str, region: &str, config: &Value) -> Result<Measured, ApiError> {
    let number = |member: &str| config.get(member).and_then(Value::as_i64);
    for member in ["EvaluationPeriods", "ComparisonOperator"] {
        if config.get(member).is_none() {
            return Err(required(member));
        }
    }
    let (source, period) = source(account, region, config)?;
    let periods = number("EvaluationPeriods").unwrap_or_default();
    let to_alarm = number("DatapointsToAlarm");
    if to_alarm.is_some_and(|needed| needed > periods) {
        return Err(validation("DatapointsToAlarm must be less than or equal to EvaluationPeriods."));
    }
    let most = if period < HOUR { DAY } else { WEEK };
    if periods.saturating_mul(period) > most {
        return Err(validation(if most == DAY {
            format!("Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= {most}).")
        } else {
            format!(
                "Metrics cannot be checked across more than a week (EvaluationPeriods * Period must be <= {most}) for alarms \
                 using period >= {HOUR}"
            )
        }));
    }
    let operator = text(config, "ComparisonOperator").unwrap_or_default();
    let comparison = Comparison::parse(operator).ok_or_else(|| {
        unsupported(&format!("The comparison {operator} of anomaly detection"), "compare with a Threshold")
    })?;
    let threshold = config.get("Threshold").and_then(Value::as_f64).ok_or_else(|| required("Threshold"))?;
    if !threshold.is_finite() {
        return Err(invalid(format!("The value {threshold} for parameter Threshold is invalid.")));
    }
    let treat = text(config, "TreatMissingData").unwrap_or("missing");
    let missing = Treatment::parse(treat).ok_or_else(|| {
        let known = Treatment::NAMES.map(|(name, _)| name).join(", ");
        validation(format!("Invalid value {treat} for TreatMissingData: it is one of {known}."))
    })?;
    let rule = Rule { period, periods, to_alarm, comparison, threshold, missing };
    Ok(Measured { rule, source, about: about(config) })
}

fn source(account: &str, region: &str, config: &Value) -> Result<(Source, i64), ApiError> {
    let queries = list(config, "Metrics");
    if !queries.is_empty() {
        let others = ["MetricName", "Namespace", "Dimensions", "Period", "Unit", "Statistic", "ExtendedStatistic"];
        if let Some(other) = others.iter().find(|member| config.get(**member).is_some()) {
            return Err(combination(format!("The parameters Metrics and {other} must not both be specified.")));
        }
        if text(config, "EvaluateLowSampleCountPercentile").is_some() {
            return Err(unsupported("EvaluateLowSampleCountPercentile with Metrics", "leave it out"));
        }
        return math(account, region, queries);
    }
    for member in ["MetricName", "Namespace"] {
        if text(config, member).is_none() {
            return Err(required(member));
        }
    }
    let period = config.get("Period").and_then(Value::as_i64).ok_or_else(|| required("Period"))?;
    check_period(period)?;
    let (statistic, patient) = statistic(config)?;
    let metric = metric_of(account, region, text(config, "Namespace").unwrap_or_default(), config);
    let unit = text(config, "Unit").map(str::to_owned);
    Ok((Source::Metric { wanted: Wanted { metric, statistic, unit }, patient }, period))
}

fn math(account: &str, region: &str, given: &[Value]) -> Result<(Source, i64), ApiError> {
    if given.len() > QUERIES {
        return Err(validation(format!("The collection Metrics must not have a size greater than {QUERIES}.")));
    }
    let queries = query::read((account, region), given, "Metrics")?;
    if queries.iter().filter(|query| query.returned).count() != 1 {
        return Err(validation("Exactly one element of the metrics list should return data."));
    }
    let (mut wanted, mut periods) = (Vec::new(), Vec::new());
    for query in &queries {
        if let query::Source::Metric { metric, statistic, period, unit } = &query.source {
            let of = Wanted { metric: metric.clone(), statistic: *statistic, unit: unit.clone() };
            wanted.push((query.id.clone(), of));
            periods.push(*period);
        }
    }
    let Some(period) = periods.first().copied() else {
        return Err(validation("The metrics list must have at least one element that reads a metric."));
    };
    if periods.iter().any(|other| *other != period) {
        return Err(validation("All elements of the metrics list must have the same Period."));
    }
    check_period(period)?;
    let math = Math { queries, wanted };
    // What is wrong with an expression is told now, and not when it is evaluated.
    let some = math.wanted.iter().map(|(id, _)| (id.as_str(), vec![(0, 1.0)]));
    math.points(&some.collect(), period, (0, period))?;
    Ok((Source::Math(Arc::new(math)), period))
}

impl Math {
    /// The data points of the query that is evaluated, by those of the queries that read a metric, from a second to before
    /// another.
    pub fn points(
        &self,
        known: &HashMap<&str, Vec<(i64, f64)>>,
        period: i64,
        (from, to): (i64, i64),
    ) -> Result<Vec<(i64, f64)>, ApiError> {
        let series = |id: &String| {
            let points = known.get(id.as_str()).cloned().unwrap_or_default();
            (id.clone(), Data::Series(Series { label: id.clone(), period, points }))
        };
        let known = self.wanted.iter().map(|(id, _)| series(id)).collect();
        let mut values = values(&self.queries, known, HashMap::from([(period, from)]), to)?;
        let id = self.queries.iter().find(|query| query.returned).map_or("", |query| query.id.as_str());
        match values.remove(id) {
            Some(Data::Series(series)) => Ok(series.points),
            other => {
                let kind = other.as_ref().map_or("nothing", Data::kind);
                let why = format!("it is {kind}, and an alarm needs one time series");
                Err(query::in_expression(id, MathError::Wrong(why)))
            }
        }
    }
}

fn check_period(period: i64) -> Result<(), ApiError> {
    if [10, 20, 30].contains(&period) || (period > 0 && period % 60 == 0) {
        return Ok(());
    }
    Err(validation("Period must be 10, 20, 30 or a multiple of 60"))
}

/// The statistic, and whether it waits for enough samples.
fn statistic(config: &Value) -> Result<(Statistic, bool), ApiError> {
    let low = text(config, "EvaluateLowSampleCountPercentile");
    if low.is_some_and(|low| !["evaluate", "ignore"].contains(&low)) {
        return Err(validation("EvaluateLowSampleCountPercentile must be evaluate or ignore."));
    }
    let statistic = match (text(config, "Statistic"), text(config, "ExtendedStatistic")) {
        (Some(_), Some(_)) => {
            return Err(combination("The parameters Statistic and ExtendedStatistic are mutually exclusive."));
        }
        (None, None) => return Err(required("Statistic or ExtendedStatistic")),
        (Some(name), None) | (None, Some(name)) => Statistic::parse(name).map_err(|why| match why {
            NoStatistic::NotHere => unsupported(&format!("The statistic {name}"), "use percentiles (p50, p99.9)"),
            NoStatistic::Unknown => {
                invalid(format!("The value {name} for parameter ExtendedStatistic is not supported."))
            }
        })?,
    };
    let percentile = matches!(statistic, Statistic::Percentile(_));
    if low.is_some() && !percentile {
        return Err(combination("EvaluateLowSampleCountPercentile is for alarms that are based on percentiles."));
    }
    Ok((statistic, low == Some("ignore")))
}

fn about(config: &Value) -> Map<String, Value> {
    let named = |member: &str, name: &str| Some((name.to_owned(), config.get(member)?.clone()));
    let statistic = named("Statistic", "statistic").or_else(|| named("ExtendedStatistic", "statistic"));
    named("Unit", "unit").into_iter().chain(statistic).collect()
}

fn text<'c>(config: &'c Value, member: &str) -> Option<&'c str> {
    config.get(member).and_then(Value::as_str)
}

fn required(member: &str) -> ApiError {
    ApiError::new("MissingParameter", 400, format!("The parameter {member} is required."))
}
