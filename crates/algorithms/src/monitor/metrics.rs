//! Metrics for CloudWatch, in the file that the service reads them from: a line of JSON for each.
//!
//! <https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-byoc-cloudwatch.html>

use std::collections::HashMap;

use serde_json::{Value, json};

use super::constraints::Constraints;
use super::environment::Environment;
use super::statistics::Table;
use crate::contract::{Container, write_atomically};

/// The file below `/opt/ml/output`.
const FILE: &str = "metrics/cloudwatch/cloudwatch_metrics.jsonl";

/// Metrics of one run.
#[derive(Debug, Clone)]
pub(super) struct Metrics {
    time: String,
    dimensions: Value,
    lines: Vec<Value>,
}

impl Metrics {
    pub fn of(environment: &Environment) -> Self {
        let time = ["metric_time", "end_time"].iter().find_map(|name| environment.text(name));
        let dimension = |name: &str, variable: &str| {
            environment.text(variable).map(|value| json!({ "Name": name, "Value": value }))
        };
        let dimensions = [
            dimension("Endpoint", "sagemaker_endpoint_name"),
            dimension("MonitoringSchedule", "sagemaker_monitoring_schedule_name"),
        ];
        Self {
            time: time.map_or_else(|| jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(), str::to_owned),
            dimensions: dimensions.into_iter().flatten().collect(),
            lines: Vec::new(),
        }
    }

    fn add(&mut self, name: &str, member: &str, value: Value) {
        let mut line = json!({ "MetricName": name, "Timestamp": self.time, "Dimensions": self.dimensions });
        line[member] = value;
        self.lines.push(line);
    }

    /// Adds a value, if it is a number.
    pub fn value(&mut self, name: &str, value: f64) {
        if value.is_finite() {
            self.add(name, "Value", json!(value));
        }
    }

    /// Writes the file.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, container: &Container) -> Result<(), String> {
        let text: String = self.lines.iter().map(|line| format!("{line}\n")).collect();
        write_atomically(&container.output(FILE), text.as_bytes())
            .map_err(|error| format!("cannot write the metrics for CloudWatch: {error}"))
    }
}

/// The metrics of data quality.
///
/// <https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-interpreting-cloudwatch.html>
#[allow(clippy::cast_precision_loss)] // counts are far below 2^52
pub(super) fn of_table(
    metrics: &Metrics,
    table: &Table,
    constraints: Option<&Constraints>,
    distances: Option<&HashMap<String, f64>>,
) -> Metrics {
    let mut metrics = metrics.clone();
    for (name, column) in &table.columns {
        let emits = |constraints: &Constraints| {
            constraints.rules(constraints.features.iter().find(|feature| feature.name == *name)).emit
        };
        if constraints.is_some_and(|constraints| !emits(constraints)) {
            continue;
        }
        if column.kind().numeric() {
            let values = json!({
                "SampleCount": column.numbers() as f64, "Sum": column.sum, "Minimum": column.min, "Maximum": column.max,
            });
            metrics.add(&format!("feature_data_{name}"), "StatisticValues", values);
        }
        metrics.value(&format!("feature_non_null_{name}"), table.completeness(column));
        if let Some(distance) = distances.and_then(|distances| distances.get(name)) {
            metrics.value(&format!("feature_baseline_drift_{name}"), *distance);
        }
    }
    metrics
}
