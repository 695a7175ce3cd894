//! CloudWatch: metrics that callers put, and those of jobs and endpoints; their statistics and the arithmetic over them.

mod input;
mod math;
mod metric_data;
mod metric_statistics;
mod metrics;
mod statistic;
mod windows;

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::Semaphore;

use sagewright_cloud_core::api::{ApiError, Call, Handler, Operation, Output, answer};
use sagewright_cloud_core::metrics::Metrics;
use sagewright_cloud_core::operations;
use sagewright_cloud_core::records::StoreError;

/// What CloudWatch answers here.
pub const OPERATIONS: &[(&str, Operation<CloudWatch>)] = operations! { CloudWatch:
    "GetMetricData" => metric_data::get::get,
    "GetMetricStatistics" => metric_statistics::get::get,
    "ListMetrics" => metrics::list::list,
    "PutMetricData" => metric_data::put::put,
};

/// Requests that compute expressions at the same time: each may hold millions of data points.
const COMPUTING: usize = 2;

/// The CloudWatch of the embedded cloud; cheap to clone.
#[derive(Debug, Clone)]
pub struct CloudWatch {
    metrics: Metrics,
    /// Requests that may compute expressions at the same time.
    computing: Arc<Semaphore>,
}

impl CloudWatch {
    /// CloudWatch over the metrics of the cloud.
    #[must_use]
    pub fn new(metrics: Metrics) -> Self {
        Self { metrics, computing: Arc::new(Semaphore::new(COMPUTING)) }
    }
}

#[async_trait]
impl Handler for CloudWatch {
    async fn call(&self, call: Call) -> Result<Output, ApiError> {
        answer(OPERATIONS, self, &call).await
    }
}

/// `InvalidParameterValue`, 400.
fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("InvalidParameterValue", 400, message)
}

/// `InvalidParameterCombination`, 400.
fn combination(message: impl Into<String>) -> ApiError {
    ApiError::new("InvalidParameterCombination", 400, message)
}

/// `ValidationError`, 400.
fn validation(message: impl Into<String>) -> ApiError {
    ApiError::new("ValidationError", 400, message)
}

/// What would change the outcome and is not built.
fn unsupported(what: &str, instead: &str) -> ApiError {
    let message = format!("{what} is not supported by the embedded cloud's CloudWatch; {instead}");
    ApiError::new("NotImplemented", 501, message)
}

fn stored(error: StoreError) -> ApiError {
    match error {
        StoreError::Refused(why) => ApiError::new("LimitExceeded", 400, why),
        other => other.into(),
    }
}
