//! The metrics of a variant's invocations, as SageMaker names them: namespace `AWS/SageMaker`, dimensions
//! `EndpointName` and `VariantName`, and the same with `EndpointConfigName` as well.

use std::time::Duration;

use serde_json::Value;

use sagewright_cloud_core::api::ApiError;
use sagewright_cloud_core::clock::SimClock;
use sagewright_cloud_core::env::Env;
use sagewright_cloud_core::metrics::{Metric, Series};
use sagewright_cloud_sagemaker_base::ports::{EndpointKey, VariantPlan};

/// Of all that is measured of variants.
pub(super) const NAMESPACE: &str = "AWS/SageMaker";

/// Measures the requests of a variant of a fleet.
pub(super) struct Meter {
    clock: SimClock,
    /// What a request counts for each of the variant's instances.
    share: f64,
    /// What is measured of the variant, and of the part that the endpoint configuration has in it: alarms look at the new
    /// fleet of a deployment by this.
    counted: [Counted; 2],
}

/// The series of one set of dimensions.
struct Counted {
    invocations: Series,
    per_instance: Series,
    client_errors: Series,
    server_errors: Series,
    model_errors: Series,
    model_latency: Series,
    overhead_latency: Series,
    first_chunk: [Series; 3],
    mid_stream_errors: Series,
}

impl Meter {
    pub fn new(env: &Env, endpoint: &EndpointKey, config: &str, plan: &VariantPlan) -> Self {
        let EndpointKey { account, region, name } = endpoint;
        let counted = |of_config: bool| {
            let series = |metric: &str, unit| {
                let metric = Metric::new(account, region, NAMESPACE, metric);
                let metric = metric.with("EndpointName", name).with("VariantName", &plan.name);
                let metric = if of_config { metric.with("EndpointConfigName", config) } else { metric };
                env.metrics.series(metric, unit)
            };
            Counted {
                invocations: series("Invocations", "None"),
                per_instance: series("InvocationsPerInstance", "None"),
                client_errors: series("Invocation4XXErrors", "None"),
                server_errors: series("Invocation5XXErrors", "None"),
                model_errors: series("InvocationModelErrors", "None"),
                model_latency: series("ModelLatency", "Microseconds"),
                overhead_latency: series("OverheadLatency", "Microseconds"),
                first_chunk: ["FirstChunkModelLatency", "FirstChunkOverheadLatency", "FirstChunkLatency"]
                    .map(|name| series(name, "Microseconds")),
                mid_stream_errors: series("MidStreamErrors", "Count"),
            }
        };
        Self {
            clock: env.sim.clone(),
            share: 1.0 / f64::from(plan.copies.max(1)),
            counted: [counted(false), counted(true)],
        }
    }

    /// Counts a request with what came of it; where a model was asked, with how long that took, and how long all of it.
    pub fn count(&self, error: Option<&ApiError>, took: Option<(Duration, Duration)>) {
        let now = self.clock.now();
        let (client, server, of_model) = errors(error);
        let yes = |is: bool| f64::from(u8::from(is));
        for counted in &self.counted {
            for (series, value) in [
                (&counted.invocations, 1.0),
                (&counted.per_instance, self.share),
                (&counted.client_errors, yes(client)),
                (&counted.server_errors, yes(server)),
                (&counted.model_errors, yes(of_model)),
            ] {
                series.add(now, value);
            }
            if let Some((model, all)) = took {
                counted.model_latency.add(now, micros(model));
                counted.overhead_latency.add(now, micros(all.saturating_sub(model)));
            }
        }
    }
}

impl Meter {
    /// The first piece of an answer was passed on: how long the model took for it, and how long all of it.
    pub fn first_chunk(&self, model: Duration, all: Duration) {
        let now = self.clock.now();
        for counted in &self.counted {
            for (series, took) in counted.first_chunk.iter().zip([model, all.saturating_sub(model), all]) {
                series.add(now, micros(took));
            }
        }
    }

    /// An answer broke off after it had begun.
    pub fn mid_stream_error(&self) {
        let now = self.clock.now();
        self.counted.iter().for_each(|counted| counted.mid_stream_errors.add(now, 1.0));
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
pub(super) fn micros(duration: Duration) -> f64 {
    duration.as_micros() as f64
}
