//! The metrics of an asynchronous endpoint, as SageMaker names them. Those of real-time invocations are not measured.
//!
//! <https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-monitor.html>

use std::time::Duration;

use crate::hosting::measure::{NAMESPACE, micros};
use sagewright_cloud_core::clock::SimClock;
use sagewright_cloud_core::env::Env;
use sagewright_cloud_core::metrics::{Metric, Series};
use sagewright_cloud_sagemaker_base::ports::EndpointKey;

/// What waits, of an endpoint: sampled each minute.
pub(super) struct Gauges {
    clock: SimClock,
    size: Series,
    per_instance: Series,
    age: Series,
    without_capacity: Series,
}

impl Gauges {
    pub fn new(env: &Env, endpoint: &EndpointKey) -> Self {
        let series = |name: &str, unit| env.metrics.series(metric(endpoint, name), unit);
        Self {
            clock: env.sim.clone(),
            size: series("ApproximateBacklogSize", "Count"),
            per_instance: series("ApproximateBacklogSizePerInstance", "Count"),
            age: series("ApproximateAgeOfOldestRequest", "Seconds"),
            without_capacity: series("HasBacklogWithoutCapacity", "Count"),
        }
    }

    /// Measures: requests that wait or are under way, when the oldest of those that wait came, and instances.
    #[allow(clippy::cast_precision_loss)] // far below 2^52
    pub fn sample(&self, requests: usize, oldest: Option<i64>, instances: u32) {
        let now = self.clock.now();
        let age = oldest.map_or(0, |oldest| (now.as_millisecond() - oldest).max(0));
        self.size.add(now, requests as f64);
        self.age.add(now, age as f64 / 1000.0);
        self.without_capacity.add(now, f64::from(u8::from(requests > 0 && instances == 0)));
        // AWS has none where there are no instances: a division by zero.
        if instances > 0 {
            self.per_instance.add(now, requests as f64 / f64::from(instances));
        }
    }
}

/// What is counted of a variant's requests.
pub(super) struct Counters {
    clock: SimClock,
    client_errors: Series,
    server_errors: Series,
    model_latency: Series,
    processed: Series,
    failures: Series,
    expired: Series,
    download_failures: Series,
    upload_failures: Series,
    download: Series,
    upload: Series,
    in_backlog: Series,
    total: Series,
}

impl Counters {
    pub fn new(env: &Env, endpoint: &EndpointKey, variant: &str) -> Self {
        let series = |name: &str, unit| env.metrics.series(metric(endpoint, name).with("VariantName", variant), unit);
        Self {
            clock: env.sim.clone(),
            client_errors: series("Invocation4XXErrors", "None"),
            server_errors: series("Invocation5XXErrors", "None"),
            model_latency: series("ModelLatency", "Microseconds"),
            processed: series("InvocationsProcessed", "Count"),
            failures: series("InvocationFailures", "Count"),
            expired: series("ExpiredRequests", "Count"),
            download_failures: series("RequestDownloadFailures", "Count"),
            upload_failures: series("ResponseUploadFailures", "Count"),
            download: series("RequestDownloadLatency", "Microseconds"),
            upload: series("ResponseUploadLatency", "Microseconds"),
            in_backlog: series("TimeInBacklog", "Milliseconds"),
            total: series("TotalProcessingTime", "Milliseconds"),
        }
    }

    /// A request left the queue, which had come then.
    #[allow(clippy::cast_precision_loss)] // far below 2^52
    pub fn begun(&self, received: i64, begun: i64) {
        self.add(&self.in_backlog, (begun - received).max(0) as f64);
    }

    /// A request's input was found.
    pub fn downloaded(&self, took: Duration) {
        self.add(&self.download, micros(took));
    }

    /// A request's input was not there.
    pub fn not_downloaded(&self) {
        self.add(&self.download_failures, 1.0);
    }

    /// The model answered with this status, or did not answer where it is 0.
    pub fn answered(&self, status: u16, took: Duration) {
        let yes = |is: bool| f64::from(u8::from(is));
        self.add(&self.client_errors, yes((400..500).contains(&status)));
        self.add(&self.server_errors, yes(status == 0 || status >= 500));
        self.add(&self.model_latency, micros(took));
    }

    /// An answer is in S3.
    pub fn uploaded(&self, took: Duration) {
        self.add(&self.upload, micros(took));
    }

    /// An answer could not be put into S3.
    pub fn not_uploaded(&self) {
        self.add(&self.upload_failures, 1.0);
    }

    /// A request was too old to be begun.
    pub fn expired(&self) {
        self.add(&self.expired, 1.0);
    }

    /// A request is done, that came then.
    pub fn done(&self, received: i64, failed: bool) {
        self.add(&self.processed, 1.0);
        if failed {
            self.add(&self.failures, 1.0);
        }
        self.add(&self.total, self.since(received));
    }

    fn add(&self, series: &Series, value: f64) {
        series.add(self.clock.now(), value);
    }

    #[allow(clippy::cast_precision_loss)] // far below 2^52
    fn since(&self, received: i64) -> f64 {
        (self.clock.now().as_millisecond() - received).max(0) as f64
    }
}

fn metric(endpoint: &EndpointKey, name: &str) -> Metric {
    Metric::new(&endpoint.account, &endpoint.region, NAMESPACE, name).with("EndpointName", &endpoint.name)
}
