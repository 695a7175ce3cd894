//! The metrics of a training job's log as CloudWatch has them: `/aws/sagemaker/TrainingJobs`, dimension
//! `TrainingJobName`. The SDK's `TrainingJobAnalytics` reads them.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use sagewright_cloud_core::clock::SimTime;
use sagewright_cloud_core::env::Env;
use sagewright_cloud_core::metrics::{Metric, Metrics, Series};
use sagewright_cloud_sagemaker_base::JobTask;

use super::NAMESPACE;

/// Metrics of a job; a log may name any number of them.
const MOST: usize = 200;

/// The metrics of one job, from all its hosts.
pub(super) struct Curve {
    metrics: Metrics,
    job: Metric,
    series: Mutex<HashMap<String, Series>>,
}

impl Curve {
    pub fn new(env: &Env, task: &JobTask) -> Self {
        let JobTask { account, region, name, .. } = task;
        let job = Metric::new(account, region, NAMESPACE, "").with("TrainingJobName", name);
        Self { metrics: env.metrics.clone(), job, series: Mutex::default() }
    }

    /// Counts a value.
    pub fn add(&self, name: &str, value: f64, at: SimTime) {
        let mut series = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        if !series.contains_key(name) && series.len() < MOST {
            let mut metric = self.job.clone();
            name.clone_into(&mut metric.name);
            series.insert(name.to_owned(), self.metrics.series(metric, "None"));
        }
        if let Some(series) = series.get(name) {
            series.add(at, value);
        }
    }
}
