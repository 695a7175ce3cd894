//! `statistics.json` of data quality.
//!
//! <https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-interpreting-statistics.html>

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::column::{Column, Kind};
use super::data::Row;

/// Most columns of a data set.
const MOST_COLUMNS: usize = 10_000;
/// "By default, we materialize the distribution in 10 buckets."
const BUCKETS: u32 = 10;
/// Texts with at most so many distinct values are categories.
pub(super) const CATEGORIES: usize = 120;

/// What is known of a data set.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub rows: u64,
    /// In the order in which they were first seen.
    pub columns: Vec<(String, Column)>,
    /// The place of each column.
    places: HashMap<String, usize>,
}

impl Table {
    /// Takes a row.
    ///
    /// # Errors
    /// There are too many columns.
    pub fn push(&mut self, row: Row) -> Result<(), String> {
        self.rows += 1;
        for (at, (name, cell)) in row.into_iter().enumerate() {
            // Rows mostly have the same columns in the same order.
            let at = if self.columns.get(at).is_some_and(|(known, _)| *known == name) {
                at
            } else if let Some(at) = self.places.get(&name) {
                *at
            } else {
                if self.columns.len() == MOST_COLUMNS {
                    return Err(format!("the data set has more than {MOST_COLUMNS} columns, of which {name} is one"));
                }
                self.places.insert(name.clone(), self.columns.len());
                self.columns.push((name, Column::default()));
                self.columns.len() - 1
            };
            if let Some(cell) = cell {
                self.columns[at].1.push(&cell);
            }
        }
        Ok(())
    }

    /// The share of rows that have a value in a column.
    #[allow(clippy::cast_precision_loss)] // counts are far below 2^52
    pub fn completeness(&self, column: &Column) -> f64 {
        if self.rows == 0 { 1.0 } else { column.present as f64 / self.rows as f64 }
    }

    /// The document.
    pub fn json(&self) -> Value {
        let features: Vec<_> = self.columns.iter().map(|(name, column)| feature(name, column, self.rows)).collect();
        json!({ "version": 0.0, "dataset": { "item_count": self.rows }, "features": features })
    }
}

fn feature(name: &str, column: &Column, rows: u64) -> Value {
    let kind = column.kind();
    let common = json!({ "num_present": column.present, "num_missing": rows.saturating_sub(column.present) });
    let mut out = Map::new();
    out.insert("name".to_owned(), json!(name));
    out.insert("inferred_type".to_owned(), json!(kind.name()));
    if kind.numeric() {
        out.insert("numerical_statistics".to_owned(), numerical(column, common));
    } else {
        out.insert("string_statistics".to_owned(), string(column, common));
    }
    Value::Object(out)
}

fn numerical(column: &Column, common: Value) -> Value {
    json!({
        "common": common,
        "mean": column.mean(),
        "sum": column.sum,
        "std_dev": column.deviation(),
        "min": column.min,
        "max": column.max,
        "distribution": { "kll": { "buckets": buckets(column), "sketch": column.sketch.json() } },
    })
}

/// Buckets of the same width from the smallest value to the largest one, which is in the last.
fn buckets(column: &Column) -> Value {
    let weighted = column.sketch.weighted();
    let width = (column.max - column.min) / f64::from(BUCKETS);
    let bound = |at: u32| if at == BUCKETS { column.max } else { column.min + width * f64::from(at) };
    let bucket = |at: u32| {
        let (lower, upper) = (bound(at), bound(at + 1));
        let within = |value: f64| value >= lower && (value < upper || at + 1 == BUCKETS);
        let count: f64 = weighted.iter().filter(|(value, _)| within(*value)).map(|(_, weight)| weight).sum();
        json!({ "lower_bound": lower, "upper_bound": upper, "count": count })
    };
    (0..BUCKETS).map(bucket).collect()
}

fn string(column: &Column, common: Value) -> Value {
    let mut out = json!({ "common": common, "distinct_count": column.distinct() });
    if column.counted() && column.values.len() <= CATEGORIES {
        let mut values: Vec<_> = column.values.iter().collect();
        values.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
        let buckets: Vec<_> = values.iter().map(|(value, count)| json!({ "value": value, "count": count })).collect();
        out["distribution"] = json!({ "categorical": { "buckets": buckets } });
    }
    out
}

/// Types of a table's columns; for constraints.
pub(super) fn is_category(column: &Column) -> bool {
    column.kind() == Kind::String && column.counted() && column.values.len() <= CATEGORIES
}
