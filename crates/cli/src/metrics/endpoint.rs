//! What an endpoint's variants did.

use jiff::Timestamp;
use sagewright_engine::cloud::CloudError;
use serde_json::{Map, Value, json};

use super::{Points, Query, Window, number, read};
use crate::context::Context;
use crate::output::amount;

/// Where SageMaker writes what it measures of endpoints.
const NAMESPACE: &str = "AWS/SageMaker";

/// Something that is measured of a variant.
pub(crate) struct Measure {
    /// For programs.
    pub(crate) name: &'static str,
    /// Of a column.
    pub(crate) head: &'static str,
    metric: &'static str,
    statistic: &'static str,
}

/// What is measured, in the order of columns.
pub(crate) const MEASURES: [Measure; 8] = [
    Measure { name: "invocations", head: "INVOCATIONS", metric: "Invocations", statistic: "Sum" },
    Measure { name: "errors4xx", head: "4XX", metric: "Invocation4XXErrors", statistic: "Sum" },
    Measure { name: "errors5xx", head: "5XX", metric: "Invocation5XXErrors", statistic: "Sum" },
    Measure { name: "modelLatencyP50Ms", head: "MODEL-P50", metric: "ModelLatency", statistic: "p50" },
    Measure { name: "modelLatencyP99Ms", head: "MODEL-P99", metric: "ModelLatency", statistic: "p99" },
    Measure { name: "overheadLatencyP50Ms", head: "OVERHEAD-P50", metric: "OverheadLatency", statistic: "p50" },
    Measure { name: "overheadLatencyP99Ms", head: "OVERHEAD-P99", metric: "OverheadLatency", statistic: "p99" },
    Measure {
        name: "invocationsPerInstance",
        head: "PER-INSTANCE",
        metric: "InvocationsPerInstance",
        statistic: "Sum",
    },
];

impl Measure {
    /// Whether values of several periods add up; percentiles do not.
    fn adds_up(&self) -> bool {
        self.statistic == "Sum"
    }

    /// In the unit of its name: CloudWatch has latencies in microseconds.
    fn scaled(&self, value: f64) -> f64 {
        if self.adds_up() { value } else { value / 1000.0 }
    }

    /// A value for people.
    pub(crate) fn shown(&self, value: Option<f64>) -> String {
        match value.filter(|_| !self.adds_up()) {
            Some(value) => amount::milliseconds(value),
            None => number(value),
        }
    }

    /// One value of several: the sum, or the highest percentile.
    fn together(&self, values: impl Iterator<Item = f64>) -> Option<f64> {
        values.reduce(if self.adds_up() { |a, b| a + b } else { f64::max })
    }
}

/// What was measured of a variant: a value for each of [`MEASURES`].
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Variant {
    pub(crate) name: String,
    /// Over the whole time.
    pub(crate) total: Vec<Option<f64>>,
    /// Over each period with a value.
    pub(crate) points: Vec<(Timestamp, Vec<Option<f64>>)>,
}

impl Variant {
    /// Its value over the whole time, by the measure's name.
    pub(crate) fn total(&self, name: &str) -> Option<f64> {
        value(&self.total, name)
    }

    /// For programs.
    pub(crate) fn document(&self) -> Value {
        let points = self.points.iter().map(|(time, values)| {
            let mut point = Map::from_iter([("time".to_owned(), json!(time))]);
            point.extend(members(values));
            Value::Object(point)
        });
        json!({"name": self.name, "total": members(&self.total), "points": points.collect::<Vec<_>>()})
    }
}

/// One of several values, by the measure's name.
pub(crate) fn value(values: &[Option<f64>], name: &str) -> Option<f64> {
    let at = MEASURES.iter().position(|measure| measure.name == name)?;
    values.get(at).copied().flatten()
}

/// Values by their names.
pub(crate) fn members(values: &[Option<f64>]) -> Map<String, Value> {
    MEASURES.iter().zip(values).map(|(measure, value)| (measure.name.to_owned(), json!(value))).collect()
}

/// Whose values are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fleet {
    pub(crate) variant: String,
    /// What it serves, where a deployment has two fleets of a variant; none for all that the variant ever served.
    pub(crate) config: Option<String>,
}

/// Which values are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// Those over the whole time.
    Total,
    /// Those of each period, too.
    Points,
}

/// Reads what was measured of variants.
///
/// # Errors
/// It cannot be read.
pub(crate) async fn variants(
    context: &Context,
    endpoint: &str,
    fleets: &[Fleet],
    window: Window,
    detail: Detail,
) -> Result<Vec<Variant>, CloudError> {
    let query = |fleet: &Fleet, measure: &Measure| {
        let mut dimensions = vec![("EndpointName", endpoint.to_owned()), ("VariantName", fleet.variant.clone())];
        dimensions.extend(fleet.config.clone().map(|config| ("EndpointConfigName", config)));
        let (metric, statistic) = (measure.metric.to_owned(), measure.statistic);
        Query { namespace: NAMESPACE, metric, dimensions, statistic }
    };
    let queries: Vec<Query> = fleets.iter().flat_map(|fleet| MEASURES.iter().map(move |m| query(fleet, m))).collect();
    let totals = read(context, &queries, window.whole()).await?;
    let points = match detail {
        Detail::Total => Vec::new(),
        Detail::Points => read(context, &queries, window).await?,
    };
    let mut totals = totals.chunks(MEASURES.len());
    let mut points = points.chunks(MEASURES.len());
    let found = fleets.iter().map(|fleet| Variant {
        name: fleet.variant.clone(),
        total: totals.next().map(together).unwrap_or_default(),
        points: points.next().map(rows).unwrap_or_default(),
    });
    Ok(found.collect())
}

/// One value for each measure.
fn together(all: &[Points]) -> Vec<Option<f64>> {
    let value = |(measure, points): (&Measure, &Points)| {
        measure.together(points.values().copied()).map(|value| measure.scaled(value))
    };
    MEASURES.iter().zip(all).map(value).collect()
}

/// A row for each period in which anything was measured.
fn rows(all: &[Points]) -> Vec<(Timestamp, Vec<Option<f64>>)> {
    let times: std::collections::BTreeSet<Timestamp> = all.iter().flat_map(|points| points.keys().copied()).collect();
    let value = |time: &Timestamp, measure: &Measure, points: &Points| points.get(time).map(|v| measure.scaled(*v));
    times
        .into_iter()
        .map(|time| (time, MEASURES.iter().zip(all).map(|(m, points)| value(&time, m, points)).collect()))
        .collect()
}

/// An endpoint's variants in its status, shadows and those that a deployment brings included.
pub(crate) fn all(status: &Value) -> Vec<Fleet> {
    let mut fleets: Vec<Fleet> = Vec::new();
    for of in [status, &status["pendingDeploymentSummary"]] {
        for member in ["productionVariants", "shadowProductionVariants"] {
            for name in of[member].as_array().into_iter().flatten().filter_map(|v| v["variantName"].as_str()) {
                if !fleets.iter().any(|known| known.variant == name) {
                    fleets.push(Fleet { variant: name.to_owned(), config: None });
                }
            }
        }
    }
    fleets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_add_up_and_percentiles_do_not() {
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        let counts = Points::from([(at(0), 2.0), (at(60), 3.0)]);
        let latency = Points::from([(at(60), 1500.0)]);
        let mut all = vec![Points::new(); MEASURES.len()];
        all[0] = counts;
        all[3] = latency.clone();
        all[4] = Points::from([(at(0), 9000.0), (at(60), 2000.0)]);
        let total = together(&all);
        assert_eq!((total[0], total[1], total[3], total[4]), (Some(5.0), None, Some(1.5), Some(9.0)));
        let rows = rows(&all);
        assert_eq!(rows.len(), 2);
        assert_eq!((rows[0].0, rows[0].1[0], rows[0].1[3], rows[1].1[3]), (at(0), Some(2.0), None, Some(1.5)));
        let variant = Variant { name: "a".to_owned(), total, points: rows };
        assert_eq!(variant.document()["points"][1]["modelLatencyP50Ms"], 1.5);
    }

    #[test]
    fn variants_of_a_deployment_are_among_them() {
        let status = json!({
            "productionVariants": [{"variantName": "a"}, {"variantName": "b"}],
            "shadowProductionVariants": [{"variantName": "s"}],
            "pendingDeploymentSummary": {"productionVariants": [{"variantName": "b"}, {"variantName": "c"}]},
        });
        let names: Vec<String> = all(&status).into_iter().map(|fleet| fleet.variant).collect();
        assert_eq!(names, ["a", "b", "s", "c"]);
    }
}
