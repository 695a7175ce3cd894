//! The service over the operations of all its crates.

use std::collections::HashMap;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use sagewright_cloud_core::api::{ApiError, Call, Handler, Output, unsupported};
use serde_json::Value;

use crate::kind::Kind;
use crate::{SageMaker, hold, recorded};

/// What an operation gives in the end.
pub type Answer<'a> = BoxFuture<'a, Result<Value, ApiError>>;

/// Answers one operation. The call is authenticated, and valid by the service model.
pub type Operation = for<'a> fn(&'a SageMaker, &'a Call) -> Answer<'a>;

/// A table of operations: `"CreateModel" => model::create::create`, each an `async fn(&SageMaker, &Call)`.
#[macro_export]
macro_rules! operations {
    ($($name:literal => $operation:path),* $(,)?) => {
        &[$(($name, {
            fn run<'a>(sagemaker: &'a $crate::SageMaker, call: &'a $crate::Call) -> $crate::Answer<'a> {
                Box::pin($operation(sagemaker, call))
            }
            run
        })),*]
    };
}

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
            let hold = self.sagemaker.execution().hold;
            if let Some(kind) = hold::described(name).filter(|_| !hold.is_zero()) {
                return hold::describe(&self.sagemaker, &call, kind, *operation, hold).await.map(Output::from);
            }
            return operation(&self.sagemaker, &call).await.map(Output::from);
        }
        if let Some((kind, operation)) = self.recorded.get(name) {
            return operation(&self.sagemaker, &call, *kind).await.map(Output::from);
        }
        recorded::refused(&call).unwrap_or_else(|| Err(unsupported(&call))).map(Output::from)
    }
}
