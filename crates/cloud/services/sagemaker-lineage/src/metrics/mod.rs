//! SageMaker Metrics: what code logs to a trial component while it runs (`BatchPutMetrics`), and what is asked of that
//! (`BatchGetMetrics`).
//!
//! A component's record has a summary of each metric, as it is described and searched. The values themselves are in records of
//! their own, [`CHUNK`] values of one metric in each, so that a put writes little however many came before. The summary counts
//! the values, so it tells which of these records there are; and every put replaces the component's record in the same commit, so
//! that two puts never extend one of them at once.

pub mod get;
mod point;
pub mod put;
mod stats;

use sagewright_cloud_core::records::{Key, Record, Write};
use serde_json::Value;
use sha2::{Digest, Sha256};

use stats::Stats;

/// Records of values are named by component, metric and number.
const VALUES: &str = "trial-component-values";

/// A record has so many values of a metric.
const CHUNK: u64 = 250;

/// A trial component has so many metrics at most, and so many values of all of them.
const METRICS: usize = 500;
const MOST: u64 = 1_000_000;

/// The key of the record that holds a value of a component's metric, by the value's place.
fn values_key(component: &Key, metric: &str, place: u64) -> Key {
    let digest = hex::encode(&Sha256::digest(metric)[..16]);
    let name = format!("{}/{digest}/{}", component.name, place / CHUNK);
    Key::new(&component.account, &component.region, VALUES, &name)
}

/// The summaries of what was put into a component, by metric. Other metrics are those of the job that the component stands for.
fn summaries(component: &Record) -> impl Iterator<Item = (&str, Stats)> {
    let all = component.body["Metrics"].as_array().into_iter().flatten();
    all.filter_map(|summary: &Value| Some((summary["MetricName"].as_str()?, Stats::read(summary)?)))
}

/// Whether a summary in a component is of values that were put, and not of a job's metric.
pub fn is_logged(summary: &Value) -> bool {
    Stats::read(summary).is_some()
}

/// What removes all values of a component, for the commit that removes it.
pub fn removal(component: &Record) -> impl Iterator<Item = Write> {
    summaries(component).flat_map(move |(metric, stats)| {
        let key = move |chunk| values_key(&component.key, metric, chunk * CHUNK);
        (0..stats.count.div_ceil(CHUNK)).map(move |chunk| Write::Delete { key: key(chunk), version: None })
    })
}
