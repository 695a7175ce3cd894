//! The metrics of a variant's invocations, as SageMaker names them: namespace `AWS/SageMaker`, dimensions
//! `EndpointName` and `VariantName`.

use std::time::Duration;

use serde_json::Value;

use sagewright_cloud_core::api::ApiError;
use sagewright_cloud_core::clock::SimClock;
use sagewright_cloud_core::env::Env;
use sagewright_cloud_core::metrics::{Metric, Series};
use sagewright_cloud_sagemaker_base::ports::EndpointKey;

/// Of all that is measured of variants.
pub(super) const NAMESPACE: &str = "AWS/SageMaker";

/// Measures the requests of a variant.
pub(super) struct Meter {
    clock: SimClock,
    /// What a request counts for each of the variant's instances.
    share: f64,
    invocations: Series,
    per_instance: Series,
    client_errors: Series,
    server_errors: Series,
    model_errors: Series,
    model_latency: Series,
    overhead_latency: Series,
}

impl Meter {
    pub fn new(env: &Env, endpoint: &EndpointKey, variant: &str, instances: u32) -> Self {
        let EndpointKey { account, region, name } = endpoint;
        let series = |metric: &str, unit| {
            let metric = Metric::new(account, region, NAMESPACE, metric);
            env.metrics.series(metric.with("EndpointName", name).with("VariantName", variant), unit)
        };
        Self {
            clock: env.sim.clone(),
            share: 1.0 / f64::from(instances.max(1)),
            invocations: series("Invocations", "None"),
            per_instance: series("InvocationsPerInstance", "None"),
            client_errors: series("Invocation4XXErrors", "None"),
            server_errors: series("Invocation5XXErrors", "None"),
            model_errors: series("InvocationModelErrors", "None"),
            model_latency: series("ModelLatency", "Microseconds"),
            overhead_latency: series("OverheadLatency", "Microseconds"),
        }
    }

    /// Counts a request with what came of it; where a model was asked, with how long that took, and how long all of it.
    pub fn count(&self, error: Option<&ApiError>, took: Option<(Duration, Duration)>) {
        let now = self.clock.now();
        let (client, server, of_model) = errors(error);
        let yes = |is: bool| f64::from(u8::from(is));
        for (series, value) in [
            (&self.invocations, 1.0),
            (&self.per_instance, self.share),
            (&self.client_errors, yes(client)),
            (&self.server_errors, yes(server)),
            (&self.model_errors, yes(of_model)),
        ] {
            series.add(now, value);
        }
        if let Some((model, all)) = took {
            self.model_latency.add(now, micros(model));
            self.overhead_latency.add(now, micros(all.saturating_sub(model)));
        }
    }
}

/// Whether a request ended with a 4xx, a 5xx, and for the model's sake. A model that does not answer counts as a 5xx.
fn errors(error: Option<&ApiError>) -> (bool, bool, bool) {
    let Some(error) = error else { return (false, false, false) };
    match error.members.get("OriginalStatusCode").and_then(Value::as_u64) {
        Some(400..=499) => (true, false, true),
        Some(0 | 500..) => (false, true, true),
        Some(_) => (false, false, true),
        None => (error.status < 500, error.status >= 500, false),
    }
}

#[allow(clippy::cast_precision_loss)] // minutes, far below 2^52
fn micros(duration: Duration) -> f64 {
    duration.as_micros() as f64
}
