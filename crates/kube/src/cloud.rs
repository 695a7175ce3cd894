//! Calls to AWS, counted.

use std::sync::Arc;

use async_trait::async_trait;
use sagewright_port::cloud::{Call, Cloud, CloudError};
use serde_json::Value;

use crate::metrics::Metrics;

/// A cloud whose calls are counted.
pub(crate) struct Counted {
    cloud: Arc<dyn Cloud>,
    metrics: Arc<Metrics>,
}

impl Counted {
    pub(crate) fn new(cloud: Arc<dyn Cloud>, metrics: Arc<Metrics>) -> Self {
        Self { cloud, metrics }
    }
}

#[async_trait]
impl Cloud for Counted {
    async fn call(&self, call: Call) -> Result<Value, CloudError> {
        let (service, operation) = (call.service.clone(), call.operation.clone());
        let answer = self.cloud.call(call).await;
        self.metrics.called(&service, &operation, answer.as_ref().err());
        answer
    }
}
