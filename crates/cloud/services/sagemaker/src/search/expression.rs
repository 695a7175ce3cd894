//! Search expressions: checked first, then held against a resource as it is shown.

use std::cmp::Ordering;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::compare;
use sagewright_cloud_core::api::ApiError;

/// Most filters and subexpressions of an expression together.
const MOST: usize = 50;

/// What several filters may ask to contain something (`Filter`), of experiments, trials and trial components.
const CONTAINED: [&str; 7] =
    ["DisplayName", "ExperimentName", "TrialName", "TrialComponentName", "Tags", "InputArtifacts", "OutputArtifacts"];

/// Refuses properties that the resource does not have, filters that lack what they compare with, and what is too much.
pub(super) fn check(
    resource: &str,
    expression: &Value,
    known: &dyn Fn(&str) -> Result<(), ApiError>,
) -> Result<(), ApiError> {
    check_parts(expression, known)?;
    let (mut all, mut contains) = (0, 0);
    count(expression, &mut all, &mut |filter| {
        let member = text(filter, "Name").split('.').next().unwrap_or_default();
        let often = resource.starts_with("Experiment") && CONTAINED.contains(&member);
        contains += usize::from(operator(filter) == "Contains" && !often);
    });
    if all > MOST {
        return Err(ApiError::validation(format!(
            "SearchExpression has {all} filters and subexpressions; the most are {MOST}."
        )));
    }
    if contains > 1 {
        return Err(ApiError::validation("'CONTAINS' operator usage limit of 1 exceeded."));
    }
    Ok(())
}

/// Counts filters and subexpressions, and tells of each filter.
fn count(expression: &Value, all: &mut usize, told: &mut dyn FnMut(&Value)) {
    let (filters, nested, deeper) = parts(expression);
    let within = nested.iter().flat_map(|nested| list(nested, "Filters"));
    for filter in filters.iter().chain(within) {
        *all += 1;
        told(filter);
    }
    *all += nested.len() + deeper.len();
    deeper.iter().for_each(|expression| count(expression, all, told));
}

/// The properties that an expression names.
pub(super) fn names(expression: &Value) -> Vec<&str> {
    let (filters, nested, deeper) = parts(expression);
    let mut out: Vec<&str> = filters.iter().map(|filter| text(filter, "Name")).collect();
    out.extend(nested.iter().map(|nested| text(nested, "NestedPropertyName")));
    out.extend(deeper.iter().flat_map(names));
    out
}

/// The value that a property must have, whatever else holds.
pub(super) fn only<'a>(expression: &'a Value, property: &str) -> Option<&'a str> {
    if expression["Operator"] == "Or" {
        return None;
    }
    let (filters, _, deeper) = parts(expression);
    let equals = |filter: &&Value| text(filter, "Name") == property && operator(filter) == "Equals";
    let found = filters.iter().find(equals).and_then(|filter| filter["Value"].as_str());
    found.or_else(|| deeper.iter().find_map(|expression| only(expression, property)))
}

fn check_parts(expression: &Value, known: &dyn Fn(&str) -> Result<(), ApiError>) -> Result<(), ApiError> {
    let (filters, nested, deeper) = parts(expression);
    if filters.is_empty() && nested.is_empty() && deeper.is_empty() {
        return Err(ApiError::validation(
            "SearchExpression must have at least one filter, nested filter or subexpression.",
        ));
    }
    for filter in filters.iter().chain(nested.iter().flat_map(|n| list(n, "Filters"))) {
        let name = text(filter, "Name");
        known(name)?;
        let operator = operator(filter);
        if filter["Value"].is_null() && !matches!(operator, "Exists" | "NotExists") {
            return Err(ApiError::validation(format!("The filter on {name} with operator {operator} needs a Value.")));
        }
    }
    nested.iter().try_for_each(|nested| known(text(nested, "NestedPropertyName")))?;
    deeper.iter().try_for_each(|e| check_parts(e, known))
}

/// Whether a resource satisfies an expression.
pub(super) fn holds(expression: &Value, resource: &Value) -> bool {
    let (filters, nested, deeper) = parts(expression);
    let mut all = filters
        .iter()
        .map(|f| filter_holds(f, text(f, "Name"), resource))
        .chain(nested.iter().map(|n| nested_holds(n, resource)))
        .chain(deeper.iter().map(|e| holds(e, resource)));
    if expression["Operator"] == "Or" { all.any(|h| h) } else { all.all(|h| h) }
}

/// The first value of a property, for sorting.
pub(super) fn first(resource: &Value, name: &str) -> Value {
    values(resource, name).first().map_or(Value::Null, |v| (*v).clone())
}

fn parts(expression: &Value) -> (&[Value], &[Value], &[Value]) {
    (list(expression, "Filters"), list(expression, "NestedFilters"), list(expression, "SubExpressions"))
}

fn list<'a>(value: &'a Value, member: &str) -> &'a [Value] {
    value[member].as_array().map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap_or_default()
}

fn operator(filter: &Value) -> &str {
    filter["Operator"].as_str().unwrap_or("Equals")
}

/// One element of the list satisfies all filters.
fn nested_holds(nested: &Value, resource: &Value) -> bool {
    let property = text(nested, "NestedPropertyName");
    let filters = list(nested, "Filters");
    let below = |name: &str| name.strip_prefix(property).and_then(|n| n.strip_prefix('.')).map(str::to_owned);
    values(resource, property).into_iter().any(|element| {
        filters.iter().all(|f| below(text(f, "Name")).is_some_and(|name| filter_holds(f, &name, element)))
    })
}

fn filter_holds(filter: &Value, name: &str, resource: &Value) -> bool {
    let found = values(resource, name);
    let wanted = text(filter, "Value");
    // "If the specified Value is an integer, the decimal hyperparameter values are treated as integers."
    let whole = name.starts_with("HyperParameters.") && wanted.parse::<i64>().is_ok();
    let ordered = |value: &Value, wanted: &str| match as_number(value).filter(|_| whole) {
        Some(number) => ordered(&Value::from(number.trunc()), wanted),
        None => ordered(value, wanted),
    };
    let equals = |value: &Value, wanted: &str| match as_number(value).filter(|_| whole) {
        Some(_) => ordered(value, wanted) == Some(Ordering::Equal),
        None => equals(value, wanted),
    };
    let any = |test: &dyn Fn(&Value) -> bool| found.iter().any(|v| test(v));
    match operator(filter) {
        "Exists" => !found.is_empty(),
        "NotExists" => found.is_empty(),
        "NotEquals" => !any(&|v| equals(v, wanted)),
        "Contains" => any(&|v| v.as_str().is_some_and(|t| t.contains(wanted))),
        "In" => any(&|v| wanted.split(',').any(|w| equals(v, w.trim()))),
        "GreaterThan" => any(&|v| ordered(v, wanted) == Some(Ordering::Greater)),
        "GreaterThanOrEqualTo" => any(&|v| ordered(v, wanted).is_some_and(Ordering::is_ge)),
        "LessThan" => any(&|v| ordered(v, wanted) == Some(Ordering::Less)),
        "LessThanOrEqualTo" => any(&|v| ordered(v, wanted).is_some_and(Ordering::is_le)),
        _ => any(&|v| equals(v, wanted)),
    }
}

fn equals(value: &Value, wanted: &str) -> bool {
    match value {
        Value::String(text) => text == wanted,
        Value::Bool(flag) => wanted.eq_ignore_ascii_case(if *flag { "true" } else { "false" }),
        number => ordered(number, wanted) == Some(Ordering::Equal),
    }
}

/// Numbers, numbers as text (hyperparameters), and times; other text has no order.
fn ordered(value: &Value, wanted: &str) -> Option<Ordering> {
    let number = as_number(value)?;
    let wanted = wanted.parse().ok().or_else(|| seconds(wanted))?;
    Some(compare(&Value::from(number), &Value::from(wanted)))
}

fn as_number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

/// Epoch seconds of an ISO 8601 time, in UTC where it names no zone.
fn seconds(text: &str) -> Option<f64> {
    let time = text.parse::<jiff::Timestamp>().ok();
    let time = time.or_else(|| Some(text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp()))?;
    #[allow(clippy::cast_precision_loss)] // milliseconds since 1970 are far below 2^52
    Some(time.as_millisecond() as f64 / 1000.0)
}

/// The values of a property. A path goes through all elements of lists; map keys may have dots of their own.
fn values<'a>(value: &'a Value, path: &str) -> Vec<&'a Value> {
    if let Some((of, metric)) = path.split_once('.')
        && of.eq_ignore_ascii_case("Metrics")
    {
        return metrics(value, metric);
    }
    match value {
        // Tags: by key, and `Tags.Key` itself.
        Value::Array(items) if items.iter().any(|i| i["Key"].is_string()) => {
            let by_key: Vec<_> = items.iter().filter(|tag| tag["Key"] == path).map(|tag| &tag["Value"]).collect();
            let member = ["Key", "Value"].contains(&path) && by_key.is_empty();
            if member { items.iter().filter_map(|tag| tag.get(path)).collect() } else { by_key }
        }
        Value::Array(items) => items.iter().flat_map(|item| values(item, path)).collect(),
        Value::Object(map) => match map.get(path) {
            Some(Value::Array(items)) => items.iter().collect(),
            Some(found) => vec![parameter(found)],
            // A key may have dots of its own.
            None => {
                let ways =
                    path.match_indices('.').filter_map(|(dot, _)| Some((map.get(&path[..dot])?, &path[dot + 1..])));
                ways.map(|(found, rest)| values(found, rest)).find(|found| !found.is_empty()).unwrap_or_default()
            }
        },
        _ => Vec::new(),
    }
}

/// What a trial component's parameter is: `Parameters.a` as well as `Parameters.a.NumberValue`.
fn parameter(value: &Value) -> &Value {
    ["NumberValue", "StringValue"].iter().find_map(|of| value.get(*of)).unwrap_or(value)
}

/// A job's metrics have values, those of a trial component statistics: `Metrics.accuracy.Max`.
fn metrics<'a>(value: &'a Value, path: &str) -> Vec<&'a Value> {
    let named = |list: &'a [Value], name: &str| -> Vec<&'a Value> {
        let name = name.to_owned();
        list.iter().filter(move |metric| metric["MetricName"] == *name).collect()
    };
    let finals = list(value, "FinalMetricDataList");
    if !finals.is_empty() {
        return named(finals, path).into_iter().map(|metric| &metric["Value"]).collect();
    }
    let Some((name, of)) = path.rsplit_once('.') else { return Vec::new() };
    let statistic = |metric: &'a Value| {
        let members = metric.as_object()?;
        members.iter().find(|(member, _)| member.eq_ignore_ascii_case(of)).map(|(_, value)| value)
    };
    named(list(value, "Metrics"), name).into_iter().filter_map(statistic).collect()
}
