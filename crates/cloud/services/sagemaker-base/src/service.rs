//! The service over the operations of all its crates.

use std::collections::HashMap;

use async_trait::async_trait;
use sagewright_cloud_core::api::{ApiError, Call, Handler, Output, unsupported};
use serde_json::Value;

use crate::SageMaker;

/// Answers one operation. The call is authenticated, and valid by the service model.
pub type Operation = fn(&SageMaker, &Call) -> Result<Value, ApiError>;

/// SageMaker as the port sees it.
pub struct Service {
    sagemaker: SageMaker,
    operations: HashMap<&'static str, Operation>,
}

impl Service {
    /// A service that answers the operations of `tables`.
    pub fn new(sagemaker: SageMaker, tables: &[&[(&'static str, Operation)]]) -> Self {
        Self { sagemaker, operations: tables.iter().copied().flatten().copied().collect() }
    }
}

#[async_trait]
impl Handler for Service {
    async fn call(&self, call: Call) -> Result<Output, ApiError> {
        match self.operations.get(&*call.operation.name) {
            Some(operation) => operation(&self.sagemaker, &call).map(Output::from),
            None => Err(unsupported(&call)),
        }
    }
}
