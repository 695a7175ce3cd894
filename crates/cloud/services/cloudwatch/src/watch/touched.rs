//! The metrics that alarms watch, and those of them that have new data.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use sagewright_cloud_core::metrics::Metric;

/// Told by the metrics' store. Of a metric that no alarm watches nothing is kept.
#[derive(Debug, Default)]
pub(crate) struct Touched(Mutex<HashMap<Metric, Seen>>);

#[derive(Debug, Default)]
struct Seen {
    /// Alarms that watch it.
    watchers: usize,
    /// The second since which it has data that no alarm has looked at.
    since: Option<i64>,
}

impl Touched {
    /// An alarm watches a metric.
    pub fn watch(&self, metric: &Metric) {
        self.lock().entry(metric.clone()).or_default().watchers += 1;
    }

    /// An alarm does not watch a metric any more.
    pub fn leave(&self, metric: &Metric) {
        let mut all = self.lock();
        let Some(seen) = all.get_mut(metric) else { return };
        seen.watchers = seen.watchers.saturating_sub(1);
        if seen.watchers == 0 {
            all.remove(metric);
        }
    }

    /// A metric has data since a second.
    pub fn touch(&self, metric: &Metric, since: i64) {
        if let Some(seen) = self.lock().get_mut(metric) {
            seen.since = Some(seen.since.map_or(since, |known| known.min(since)));
        }
    }

    /// Takes what has new data in an account and region.
    pub fn take(&self, account: &str, region: &str) -> Vec<(Metric, i64)> {
        let mut all = self.lock();
        let own = all.iter_mut().filter(|(metric, _)| metric.account == account && metric.region == region);
        own.filter_map(|(metric, seen)| Some((metric.clone(), seen.since.take()?))).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Metric, Seen>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
