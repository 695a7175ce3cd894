//! The service over the operations of all its crates.

use std::collections::HashMap;

use async_trait::async_trait;
use sagewright_cloud_core::api::{ApiError, Call, Handler, Output, unsupported};
use serde_json::Value;

use crate::kind::Kind;
use crate::{SageMaker, recorded};

/// Answers one operation. The call is authenticated, and valid by the service model.
pub type Operation = fn(&SageMaker, &Call) -> Result<Value, ApiError>;

/// SageMaker as the port sees it.
pub struct Service {
    sagemaker: SageMaker,
    operations: HashMap<&'static str, Operation>,
    recorded: HashMap<String, (Kind, recorded::Verb)>,
}

impl Service {
    /// A service that answers the operations of `tables`.
    pub fn new(sagemaker: SageMaker, tables: &[&[(&'static str, Operation)]]) -> Self {
        Self {
            sagemaker,
            operations: tables.iter().copied().flatten().copied().collect(),
            recorded: recorded::operations(),
        }
    }
}

#[async_trait]
impl Handler for Service {
    async fn call(&self, call: Call) -> Result<Output, ApiError> {
        let name = &*call.operation.name;
        if let Some(operation) = self.operations.get(name) {
            return operation(&self.sagemaker, &call).map(Output::from);
        }
        if let Some((kind, operation)) = self.recorded.get(name) {
            return operation(&self.sagemaker, &call, *kind).map(Output::from);
        }
        recorded::refused(&call).unwrap_or_else(|| Err(unsupported(&call))).map(Output::from)
    }
}
