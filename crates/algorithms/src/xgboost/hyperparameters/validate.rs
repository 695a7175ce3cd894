//! Names, types and ranges: `sagemaker_algorithm_toolkit/hyperparameter_validation.py`.

use serde_json::{Map, Value as Json};

use super::super::image::Generation;
use super::Wrong;
use super::table::{Kind, REQUIRED, find, known, metrics, plain};
use super::value::{Value, Values};
use crate::python;

/// Checks every hyperparameter by itself. The messages are the image's, which stops at the first.
pub(super) fn validate(given: &Map<String, Json>, generation: Generation) -> Result<Values, Vec<Wrong>> {
    let mut wrong = Vec::new();
    if !given.keys().any(|name| plain(name, generation) == REQUIRED) {
        wrong.push(Wrong { name: None, message: format!("Missing required hyperparameter: {REQUIRED}") });
    }
    let of = |name: &str, message: String| Wrong { name: Some(name.to_owned()), message };
    let mut parsed = Vec::with_capacity(given.len());
    for (name, value) in given {
        let Some(row) = find(name, generation) else {
            wrong.push(of(name, format!("Extraneous hyperparameter found: {name}")));
            continue;
        };
        // The contract says texts; a number or a truth value is what it prints as.
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        match parse(row.kind, &text) {
            Some(value) => parsed.push((name, row, value)),
            None => wrong.push(of(
                name,
                format!(
                    "Hyperparameter {}: could not parse value (caused by ValueError): expected {}, found '{text}'",
                    row.name,
                    expected(row.kind)
                ),
            )),
        }
    }
    let mut values = Values::default();
    for (name, row, value) in parsed {
        if let Err(message) = check_range(row.name, row.kind, &value, generation) {
            wrong.push(of(name, message));
        }
        values.push(row.name, value);
    }
    if wrong.is_empty() { Ok(values) } else { Err(wrong) }
}

fn expected(kind: Kind) -> &'static str {
    match kind {
        Kind::Integer(_) => "a whole number",
        Kind::Float(_) => "a number",
        Kind::Tuple => "numbers in brackets, (1,-1,0)",
        Kind::Nested => "lists in a list, [[1,2],[3,4]]",
        Kind::Choice(_) | Kind::Growing(_) | Kind::List(_) | Kind::Metrics | Kind::TuningMetric => "a text",
    }
}

fn parse(kind: Kind, text: &str) -> Option<Value> {
    match kind {
        Kind::Integer(_) => text.trim().parse().ok().map(Value::Integer),
        // Python reads "nan" and "inf" as floats; no hyperparameter means anything with them.
        Kind::Float(_) => text.trim().parse().ok().filter(|value: &f64| value.is_finite()).map(Value::Float),
        Kind::Choice(_) | Kind::Growing(_) | Kind::TuningMetric => Some(Value::Text(text.to_owned())),
        // Spaces stay: the image refuses 'rmse, mae', and so does this.
        Kind::List(_) | Kind::Metrics => Some(Value::List(text.split(',').map(str::to_owned).collect())),
        Kind::Tuple => {
            let inner = text.trim().trim_start_matches(['(', '[']).trim_end_matches([')', ']']);
            let items = inner.split(',').map(str::trim).filter(|item| !item.is_empty());
            items.map(|item| item.parse().ok()).collect::<Option<Vec<_>>>().map(Value::Tuple)
        }
        Kind::Nested => serde_json::from_str(&text.replace('(', "[").replace(')', "]")).ok().map(Value::Nested),
    }
}

fn check_range(name: &str, kind: Kind, value: &Value, generation: Generation) -> Result<(), String> {
    let outside = |range: String| Err(format!("Hyperparameter {name}: {value} is not in {range}"));
    let some_outside = |range: String| Err(format!("Hyperparameter {name}: value {value} not in range {range}"));
    match (kind, value) {
        (Kind::Integer(range), Value::Integer(number)) if !range.contains(*number as f64) => outside(range.to_string()),
        (Kind::Float(range), Value::Float(number)) if !range.contains(*number) => outside(range.to_string()),
        (Kind::Choice(choices), Value::Text(text)) if !choices.contains(&text.as_str()) => {
            outside(python::string_list(choices))
        }
        (Kind::Growing(words), Value::Text(text)) => {
            let choices = known(words, generation);
            if choices.contains(&text.as_str()) { Ok(()) } else { outside(python::string_list(&choices)) }
        }
        (Kind::TuningMetric, Value::Text(text)) => check_tuning_metric(text, generation),
        (Kind::List(choices), Value::List(items)) if items.iter().any(|item| !choices.contains(&item.as_str())) => {
            some_outside(python::string_list(choices))
        }
        (Kind::Metrics, Value::List(given)) => {
            let metrics = metrics(generation);
            for metric in given {
                if !check_metric(metric, &metrics)? {
                    return some_outside(python::string_list(&metrics));
                }
            }
            Ok(())
        }
        (Kind::Tuple, Value::Tuple(items)) if items.iter().any(|item| !(-1..=1).contains(item)) => {
            some_outside("[-1, 0, 1]".to_owned())
        }
        // The image's range starts at 1, so the first feature cannot be in a group there either.
        (Kind::Nested, Value::Nested(groups)) if groups.iter().flatten().any(|item| *item < 1) => {
            some_outside("[1, +inf)".to_owned())
        }
        _ => Ok(()),
    }
}

fn check_tuning_metric(text: &str, generation: Generation) -> Result<(), String> {
    let known = metrics(generation);
    if text.strip_prefix("validation:").is_some_and(|name| name.split(',').all(|name| known.contains(&name))) {
        return Ok(());
    }
    let names: Vec<String> = known.iter().map(|name| format!("validation:{name}")).collect();
    Err(format!("Hyperparameter _tuning_objective_metric: {text} is not in {}", python::string_list(&names)))
}

/// Whether the metric is known. The error is for a metric with a threshold that is wrong.
fn check_metric(metric: &str, known: &[&str]) -> Result<bool, String> {
    if metric.contains("<function") {
        return Err(format!("User defined evaluation metric {metric} is not supported yet."));
    }
    let Some((name, threshold)) = metric.split_once('@') else {
        return Ok(known.contains(&metric));
    };
    let (name, threshold) = (name.trim(), threshold.trim());
    if !["error", "ndcg", "map"].contains(&name) {
        return Err(format!(
            "Metric '{metric}' is not supported. Parameter 'eval_metric' with customized threshold should be one of \
             these options: 'error', 'ndcg', 'map'."
        ));
    }
    if threshold.parse::<f64>().is_err() {
        return Err(format!("Threshold value 't' in '{name}@t' expects float input."));
    }
    Ok(true)
}
