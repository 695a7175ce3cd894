//! `constraint_violations.json` of data quality: a data set held against constraints and statistics of a baseline.
//!
//! <https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-interpreting-violations.html>

use std::collections::HashMap;

use serde_json::{Value, json};

use super::column::Column;
use super::constraints::{Constraints, Feature, Rules};
use super::sketch;
use super::statistics::Table;

/// What a comparison gives.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    /// Violations, as the document has them.
    pub violations: Vec<Value>,
    /// The distances that were measured, by the names of columns.
    pub distances: HashMap<String, f64>,
}

impl Comparison {
    fn add(&mut self, feature: &str, check: &str, description: String) {
        let violation = json!({ "feature_name": feature, "constraint_check_type": check, "description": description });
        self.violations.push(violation);
    }
}

/// Gives the columns of a data set the names of the baseline, by their places where names do not match: captured CSV has none.
pub(super) fn align(table: &mut Table, constraints: &Constraints) {
    let known = |name: &str| constraints.features.iter().any(|feature| feature.name == name);
    if table.columns.iter().any(|(name, _)| known(name)) {
        return;
    }
    for ((name, _), feature) in table.columns.iter_mut().zip(&constraints.features) {
        name.clone_from(&feature.name);
    }
}

/// Compares a data set, whose columns are aligned.
pub(super) fn compare(table: &Table, constraints: &Constraints, statistics: Option<&Value>) -> Comparison {
    let mut out = Comparison::default();
    let (current, baseline) = (table.columns.len(), constraints.features.len());
    if constraints.rules(None).evaluate && baseline > 0 && current != baseline {
        let (kind, check) =
            if current < baseline { ("missing", "missing_column_check") } else { ("extra", "extra_column_check") };
        let description = format!(
            "There are {kind} columns in current dataset. Number of columns in current dataset: {current}, Number of columns \
             in baseline constraints: {baseline}"
        );
        let feature = if kind == "missing" { "Missing columns" } else { "Extra columns" };
        out.add(feature, check, description);
    }
    for feature in &constraints.features {
        let Some((_, column)) = table.columns.iter().find(|(name, _)| *name == feature.name) else { continue };
        let rules = constraints.rules(Some(feature));
        let before = statistics.and_then(|statistics| of_feature(statistics, &feature.name));
        check(&mut out, table, feature, column, &rules, before);
    }
    out
}

fn of_feature<'s>(statistics: &'s Value, name: &str) -> Option<&'s Value> {
    statistics["features"].as_array()?.iter().find(|feature| feature["name"] == name)
}

fn check(
    out: &mut Comparison,
    table: &Table,
    feature: &Feature,
    column: &Column,
    rules: &Rules,
    before: Option<&Value>,
) {
    let name = &feature.name;
    let moved = before.filter(|_| rules.compare).and_then(|before| distance(column, before, rules));
    if let Some((_, moved)) = moved {
        out.distances.insert(name.clone(), moved);
    }
    if !rules.evaluate {
        return;
    }
    if let Some(kind) = feature.kind() {
        let share = column.share(kind);
        if share < rules.types {
            let description = format!(
                "Data type match requirement is not met. Expected data type: {}, Expected match: {}%. Observed: Only {}% of \
                 data is {}.",
                kind.name(),
                percent(rules.types),
                percent(share),
                kind.name()
            );
            out.add(name, "data_type_check", description);
        }
    }
    let completeness = table.completeness(column);
    if let Some(expected) = feature.completeness.filter(|expected| completeness < *expected) {
        let description = format!(
            "Data completeness requirement is not met. Expected completeness: {}%. Observed: Only {}% of data is complete.",
            percent(expected),
            percent(completeness)
        );
        out.add(name, "completeness_check", description);
    }
    let domains = &feature.string_constraints.domains;
    if !domains.is_empty() && column.present > 0 {
        let known = within(column, domains);
        if known < rules.domain {
            let description = format!(
                "Categorical values requirement is not met. Expected match: {}%. Observed: Only {}% of data is in the \
                 baseline's domain.",
                percent(rules.domain),
                percent(known)
            );
            out.add(name, "categorical_values_check", description);
        }
    }
    if let Some((kind, moved)) = moved {
        let threshold = if kind == "Numerical" { rules.drift } else { rules.categorical_drift };
        if moved > threshold {
            let description = format!(
                "{kind} distribution constraint is not met. Baseline drift distance: {moved} exceeds threshold: {threshold}",
                moved = crate::python::float(moved),
                threshold = crate::python::float(threshold)
            );
            out.add(name, "baseline_drift_check", description);
        }
    }
}

/// The share of values that are of a domain. Of a column with more values than are counted, those that are counted tell.
#[allow(clippy::cast_precision_loss)] // counts are far below 2^52
fn within(column: &Column, domains: &[String]) -> f64 {
    let known: u64 = domains.iter().filter_map(|value| column.values.get(value)).sum();
    known as f64 / column.present as f64
}

/// A share in percent, as Scala prints it: `100.0`.
fn percent(share: f64) -> String {
    crate::python::float(share * 100.0)
}

/// How far a column's distribution is from the baseline's.
///
/// Deequ's distances: the largest difference of the cumulated shares of numbers, or of the shares of categories. `Robust` takes
/// off what chance makes of two samples of these sizes.
#[allow(clippy::cast_precision_loss)]
fn distance(column: &Column, before: &Value, rules: &Rules) -> Option<(&'static str, f64)> {
    let numerical = &before["numerical_statistics"];
    if !numerical.is_null() {
        let baseline = sketch::read(&numerical["distribution"]["kll"]);
        if baseline.is_empty() || column.numbers() == 0 {
            return None;
        }
        let sample = baseline.iter().map(|(_, weight)| weight).sum();
        let simple = sketch::distance(&column.sketch.weighted(), &baseline);
        return Some(("Numerical", correct(simple, column.numbers() as f64, sample, rules)));
    }
    let buckets = before["string_statistics"]["distribution"]["categorical"]["buckets"].as_array()?;
    let counts: HashMap<&str, f64> =
        buckets.iter().filter_map(|bucket| Some((bucket["value"].as_str()?, bucket["count"].as_f64()?))).collect();
    let (sample, present) = (counts.values().sum::<f64>(), column.present as f64);
    if sample == 0.0 || present == 0.0 || !column.counted() {
        return None;
    }
    let share = |value: &str| column.values.get(value).map_or(0.0, |count| *count as f64 / present);
    let values = column.values.keys().map(String::as_str).chain(counts.keys().copied());
    let simple = values
        .map(|value| (share(value) - counts.get(value).map_or(0.0, |count| count / sample)).abs())
        .fold(0.0, f64::max);
    Some(("Categorical", correct(simple, present, sample, rules)))
}

fn correct(simple: f64, n: f64, m: f64, rules: &Rules) -> f64 {
    if rules.robust { (simple - 1.8 * ((n + m) / (n * m)).sqrt()).max(0.0) } else { simple }
}
