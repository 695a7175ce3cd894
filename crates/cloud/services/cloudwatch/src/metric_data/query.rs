//! Queries: those of `GetMetricData`, and those of an alarm.

use std::collections::HashSet;

use serde_json::Value;

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::metrics::Metric;

use crate::input::{list, metric_of};
use crate::math::{Expression, MathError, parse};
use crate::statistic::{NoStatistic, Statistic};
use crate::windows::period;
use crate::{invalid, unsupported, validation};

/// Queries of a request.
const MOST: usize = 500;

/// One query.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Query {
    pub id: String,
    pub label: Option<String>,
    /// Whether its data are answered.
    pub returned: bool,
    pub source: Source,
}

/// Where a query's data come from.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Source {
    Metric { metric: Metric, statistic: Statistic, period: i64, unit: Option<String> },
    Math(Expression),
}

/// All queries of a request.
pub(crate) fn queries(call: &Call) -> Result<Vec<Query>, ApiError> {
    let given = list(&call.input, "MetricDataQueries");
    if given.is_empty() {
        return Err(validation("The parameter MetricDataQueries is required."));
    }
    if given.len() > MOST {
        return Err(validation(format!("The collection MetricDataQueries must not have a size greater than {MOST}.")));
    }
    read((&call.caller.account, &call.region), given, "MetricDataQueries")
}

/// The queries of a list, in an account and region.
pub(crate) fn read(owner: (&str, &str), given: &[Value], list: &str) -> Result<Vec<Query>, ApiError> {
    let mut out: Vec<Query> = Vec::new();
    let mut ids = HashSet::new();
    for (n, item) in given.iter().enumerate() {
        let query = query(owner, item, &format!("{list}.member.{}", n + 1))?;
        if !ids.insert(query.id.clone()) {
            return Err(validation(format!("The values for parameter id in {list} are not unique.")));
        }
        out.push(query);
    }
    Ok(out)
}

fn query(owner: (&str, &str), item: &Value, place: &str) -> Result<Query, ApiError> {
    let text = |member: &str| item.get(member).and_then(Value::as_str);
    let id = text("Id").unwrap_or_default().to_owned();
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if !id.starts_with(|c: char| c.is_ascii_lowercase()) || !id.chars().all(plain) {
        return Err(validation(format!(
            "The value {id} for parameter {place}.Id is not matching the expected pattern ^[a-z][a-zA-Z0-9_]*$."
        )));
    }
    if text("AccountId").is_some_and(|account| account != owner.0) {
        return Err(unsupported("AccountId of another account in a query", "use a key of that account"));
    }
    let label = text("Label").map(str::to_owned);
    if label.as_ref().is_some_and(|label| label.contains("${")) {
        return Err(unsupported("A dynamic label (${…})", "give a plain Label, or none"));
    }
    let source = match (item.get("MetricStat").filter(|stat| !stat.is_null()), text("Expression")) {
        (Some(stat), None) => of_metric(owner, stat, &format!("{place}.MetricStat"))?,
        (None, Some(expression)) => Source::Math(parse(expression).map_err(|error| in_expression(&id, error))?),
        (Some(_), Some(_)) => {
            return Err(validation(format!(
                "The parameters {place}.Expression and {place}.MetricStat are mutually exclusive and you have specified both."
            )));
        }
        (None, None) => return Err(validation(format!("The parameter {place}.MetricStat is required."))),
    };
    let returned = item.get("ReturnData").and_then(Value::as_bool).unwrap_or(true);
    Ok(Query { id, label, returned, source })
}

fn of_metric((account, region): (&str, &str), stat: &Value, place: &str) -> Result<Source, ApiError> {
    let given = &stat["Metric"];
    let namespace = given.get("Namespace").and_then(Value::as_str).unwrap_or_default();
    for (member, missing) in [("Namespace", namespace.is_empty()), ("MetricName", given.get("MetricName").is_none())] {
        if missing {
            return Err(validation(format!("The parameter {place}.Metric.{member} is required.")));
        }
    }
    let name = stat.get("Stat").and_then(Value::as_str).unwrap_or_default();
    let statistic = Statistic::parse(name).map_err(|why| match why {
        NoStatistic::NotHere => unsupported(&format!("The statistic {name}"), "use percentiles (p50, p99.9)"),
        NoStatistic::Unknown => invalid(format!("The value {name} for parameter {place}.Stat is not supported.")),
    })?;
    let period = period(stat["Period"].as_i64().unwrap_or_default(), &format!("{place}.Period"))?;
    Ok(Source::Metric {
        metric: metric_of(account, region, namespace, given),
        statistic,
        period,
        unit: stat.get("Unit").and_then(Value::as_str).map(str::to_owned),
    })
}

/// What is wrong with an expression.
pub(crate) fn in_expression(id: &str, error: MathError) -> ApiError {
    match error {
        MathError::NotHere(name) => {
            unsupported(&format!("{name} in the expression '{id}'"), "compute it from the data of plain queries")
        }
        MathError::Wrong(why) => validation(format!("Error in expression '{id}': {why}")),
    }
}
