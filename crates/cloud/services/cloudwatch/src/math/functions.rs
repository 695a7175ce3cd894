//! The functions of metric math.

use std::collections::BTreeMap;

use super::data::{Data, Series};
use super::evaluate::{Scope, evaluate};
use super::parse::Expression;
use super::{MathError, time, wrong};

/// What CloudWatch has besides.
const NOT_HERE: [&str; 9] = [
    "ANOMALY_DETECTION_BAND",
    "DB_PERF_INSIGHTS",
    "INSIGHT_RULE_METRIC",
    "LAMBDA",
    "SEARCH",
    "SERVICE_QUOTA",
    "SLICE",
    "SORT",
    "TIME_SERIES",
];

/// Calls a function.
pub(super) fn call(name: &str, arguments: &[Expression], scope: &Scope<'_>) -> Result<Data, MathError> {
    match (name, arguments) {
        ("METRICS", []) => scope.metrics(""),
        ("METRICS", [Expression::Text(filter)]) => scope.metrics(filter),
        ("FILL", [of, with]) => {
            // A word stands for no query here.
            let with = match with {
                Expression::Name(word) if matches!(word.as_str(), "REPEAT" | "LINEAR") => Data::Text(word.clone()),
                other => match evaluate(other, scope)? {
                    Data::Text(_) => return wrong("FILL takes a number, a time series, REPEAT or LINEAR, and no text"),
                    data => data,
                },
            };
            fill(evaluate(of, scope)?, &with, scope)
        }
        ("IF", [condition, then]) => choose(evaluate(condition, scope)?, &evaluate(then, scope)?, None),
        ("IF", [condition, then, or]) => {
            let [condition, then, or] = [condition, then, or].map(|argument| evaluate(argument, scope));
            choose(condition?, &then?, Some(&or?))
        }
        (_, [argument]) if NOT_HERE.iter().all(|other| *other != name) => {
            unary(name, evaluate(argument, scope)?, scope)
        }
        _ if NOT_HERE.contains(&name) => Err(MathError::NotHere(name.to_owned())),
        _ => wrong(format!("there is no function {name} with {} arguments", arguments.len())),
    }
}

fn unary(name: &str, argument: Data, scope: &Scope<'_>) -> Result<Data, MathError> {
    scope.charge(argument.size())?;
    if let Some(reduce) = reduction(name) {
        return reduced(name, argument, reduce, scope);
    }
    if let Some(of) = elementwise(name) {
        return each(name, argument, &|series| Ok(series.map(|_, value| of(value))), Some(of));
    }
    if let Some(of) = time::part(name) {
        return each(name, argument, &|series| Ok(series.map(|at, _| of(at))), None);
    }
    if let Some(of) = change(name) {
        return each(name, argument, &|series| Ok(of(series)), None);
    }
    match (name, argument) {
        ("PERIOD", Data::Series(series)) => Ok(Data::Number(count(series.period))),
        ("METRIC_COUNT", Data::Series(_)) => Ok(Data::Number(1.0)),
        ("METRIC_COUNT", Data::Array(items)) => Ok(Data::Number(items.len() as f64)),
        ("FIRST" | "LAST" | "REMOVE_EMPTY", Data::Array(items)) => Ok(picked(name, items)),
        ("PERIOD" | "METRIC_COUNT" | "FIRST" | "LAST" | "REMOVE_EMPTY", other) => {
            wrong(format!("{name} takes no {}", other.noun()))
        }
        _ => wrong(format!("there is no function {name}")),
    }
}

fn picked(name: &str, items: Vec<Data>) -> Data {
    let empty = |item: &Data| matches!(item, Data::Series(series) if series.points.is_empty());
    match name {
        "FIRST" => items.into_iter().next().unwrap_or(Data::Array(Vec::new())),
        "LAST" => items.into_iter().next_back().unwrap_or(Data::Array(Vec::new())),
        _ => Data::Array(items.into_iter().filter(|item| !empty(item)).collect()),
    }
}

type Reduce = fn(&[f64]) -> f64;

/// Of many values one: those of a time series, or those that time series have at one time.
fn reduction(name: &str) -> Option<Reduce> {
    fn mean(values: &[f64]) -> f64 {
        values.iter().sum::<f64>() / values.len() as f64
    }
    Some(match name {
        "SUM" => |values| values.iter().sum(),
        "AVG" => mean,
        "MIN" => |values| values.iter().copied().fold(f64::INFINITY, f64::min),
        "MAX" => |values| values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        "STDDEV" => |values| {
            let mean = mean(values);
            (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt()
        },
        "DATAPOINT_COUNT" => |values| values.len() as f64,
        _ => return None,
    })
}

fn reduced(name: &str, argument: Data, reduce: Reduce, scope: &Scope<'_>) -> Result<Data, MathError> {
    match argument {
        Data::Number(number) => Ok(Data::Number(reduce(&[number]))),
        Data::Series(series) if series.points.is_empty() && name != "DATAPOINT_COUNT" => {
            Ok(Data::Series(Series { points: Vec::new(), ..series }))
        }
        Data::Series(series) => Ok(Data::Number(reduce(&series.values().collect::<Vec<_>>()))),
        Data::Array(items) => {
            let numbers: Vec<f64> =
                items.iter().filter_map(|item| if let Data::Number(n) = item { Some(*n) } else { None }).collect();
            let all = Data::Array(items).series();
            if all.is_empty() && !numbers.is_empty() {
                return Ok(Data::Number(reduce(&numbers)));
            }
            let mut sorted: Vec<(i64, f64)> = all.iter().flat_map(|series| series.points.iter().copied()).collect();
            scope.charge(sorted.len())?;
            sorted.sort_by_key(|(at, _)| *at);
            let mut values = Vec::new();
            let of = |points: &[(i64, f64)]| {
                values.clone_from(&numbers);
                values.extend(points.iter().map(|(_, value)| *value));
                Some((points.first()?.0, reduce(&values)))
            };
            let points = sorted.chunk_by(|(a, _), (b, _)| a == b).filter_map(of);
            let points = points.filter(|(_, value)| value.is_finite()).collect();
            let period = all.iter().map(|series| series.period).max().unwrap_or(60);
            Ok(Data::Series(Series { label: String::new(), period, points }))
        }
        Data::Text(_) => wrong(format!("{name} takes no text")),
    }
}

fn elementwise(name: &str) -> Option<fn(f64) -> f64> {
    Some(match name {
        "ABS" => f64::abs,
        "CEIL" => f64::ceil,
        "FLOOR" => f64::floor,
        "LOG" => f64::ln,
        "LOG10" => f64::log10,
        _ => return None,
    })
}

/// What a time series becomes by looking from each value to the one before.
fn change(name: &str) -> Option<fn(Series) -> Series> {
    fn pairs(series: Series, of: fn(f64, f64) -> f64) -> Series {
        let next = series.points.iter().skip(1);
        let points =
            series.points.iter().zip(next).map(|((from, old), (to, new))| (*to, of(new - old, count(to - from))));
        Series { points: points.filter(|(_, value)| value.is_finite()).collect(), ..series }
    }
    Some(match name {
        "RATE" => |series| pairs(series, |difference, seconds| difference / seconds),
        "DIFF" => |series| pairs(series, |difference, _| difference),
        "DIFF_TIME" => |series| pairs(series, |_, seconds| seconds),
        "RUNNING_SUM" => |mut series| {
            let mut sum = 0.0;
            for (_, value) in &mut series.points {
                sum += *value;
                *value = sum;
            }
            series
        },
        _ => return None,
    })
}

/// A function over one time series, or over each of an array.
fn each(
    name: &str,
    argument: Data,
    of: &dyn Fn(Series) -> Result<Series, MathError>,
    number: Option<fn(f64) -> f64>,
) -> Result<Data, MathError> {
    match (argument, number) {
        (Data::Series(series), _) => of(series).map(Data::Series),
        (Data::Array(items), _) => {
            Ok(Data::Array(items.into_iter().map(|item| each(name, item, of, number)).collect::<Result<_, _>>()?))
        }
        (Data::Number(value), Some(number)) => Ok(Data::Number(number(value))),
        (other, _) => wrong(format!("{name} takes a time series, and not {}", other.kind())),
    }
}

fn fill(of: Data, with: &Data, scope: &Scope<'_>) -> Result<Data, MathError> {
    let filled = |series: Series| {
        let known = series.points.iter().copied().collect::<BTreeMap<i64, f64>>();
        let mut points = Vec::new();
        for at in scope.grid(&series)? {
            let value = match (known.get(&at), with) {
                (Some(value), _) => Some(*value),
                (None, Data::Number(number)) => Some(*number),
                (None, Data::Series(other)) => other.at(at),
                (None, Data::Text(word)) => between(&known, at, word == "LINEAR"),
                (None, Data::Array(_)) => return wrong("FILL takes a number, REPEAT or LINEAR, and no array"),
            };
            points.extend(value.map(|value| (at, value)));
        }
        Ok(Series { points, ..series })
    };
    each("FILL", of, &filled, None)
}

/// A value for a time between two that have one: that of the one before, or on the line between both.
fn between(known: &BTreeMap<i64, f64>, at: i64, linear: bool) -> Option<f64> {
    let (from, old) = known.range(..at).next_back()?;
    if !linear {
        return Some(*old);
    }
    let (to, new) = known.range(at..).next()?;
    Some(old + (new - old) * count(at - from) / count(to - from))
}

/// `IF`: at each time one of two, by a condition; with one, that one where the condition holds, and nothing elsewhere.
fn choose(condition: Data, then: &Data, or: Option<&Data>) -> Result<Data, MathError> {
    let other = |data: &&Data| matches!(data, Data::Array(_) | Data::Text(_));
    if let Some(data) = [Some(&condition), Some(then), or].into_iter().flatten().find(other) {
        return wrong(format!("IF takes no {}", data.noun()));
    }
    let at = |data: &Data, time: i64| match data {
        Data::Number(number) => Some(*number),
        Data::Series(series) => series.at(time),
        Data::Array(_) | Data::Text(_) => None,
    };
    let series = match condition {
        Data::Number(condition) if condition != 0.0 => return Ok(then.clone()),
        Data::Number(_) => {
            // No point of what it would be.
            let nothing = || match then {
                Data::Series(series) => Data::Series(Series { points: Vec::new(), ..series.clone() }),
                _ => Data::Array(Vec::new()),
            };
            return Ok(or.cloned().unwrap_or_else(nothing));
        }
        Data::Series(series) => series,
        _ => return wrong("IF takes a condition"),
    };
    let chosen = |(time, value): &(i64, f64)| Some((*time, at(if *value == 0.0 { or? } else { then }, *time)?));
    Ok(Data::Series(Series { points: series.points.iter().filter_map(chosen).collect(), ..series }))
}

#[allow(clippy::cast_precision_loss)] // seconds, far below 2^52
fn count(seconds: i64) -> f64 {
    seconds as f64
}
