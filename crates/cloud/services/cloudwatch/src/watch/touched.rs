//! The metrics that alarms watch, and those of them that have new data.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use sagewright_cloud_core::metrics::Metric;

/// Told by the metrics' store: the second since which a metric has data that no alarm has looked at. Of a metric that no alarm
/// watches nothing is kept.
#[derive(Debug, Default)]
pub(crate) struct Touched(Mutex<HashMap<Metric, Option<i64>>>);

impl Touched {
    /// An alarm watches a metric.
    pub fn watch(&self, metric: &Metric) {
        self.lock().entry(metric.clone()).or_default();
    }

    /// No alarm watches a metric any more.
    pub fn leave(&self, metric: &Metric) {
        self.lock().remove(metric);
    }

    /// A metric has data since a second.
    pub fn touch(&self, metric: &Metric, since: i64) {
        if let Some(seen) = self.lock().get_mut(metric) {
            *seen = Some(seen.map_or(since, |known| known.min(since)));
        }
    }

    /// Takes what has new data in an account and region.
    pub fn take(&self, account: &str, region: &str) -> Vec<(Metric, i64)> {
        let mut all = self.lock();
        let own = all.iter_mut().filter(|(metric, _)| metric.account == account && metric.region == region);
        own.filter_map(|(metric, seen)| seen.take().map(|since| (metric.clone(), since))).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Metric, Option<i64>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
