//! The service over the operations of all its crates.

use std::collections::HashMap;

use async_trait::async_trait;
pub use sagewright_cloud_core::api::Answer;
use sagewright_cloud_core::api::{ApiError, Call, Handler, Output, unsupported};
use serde_json::Value;

use crate::kind::Kind;
use crate::{SageMaker, hold, recorded};

/// Answers one operation of SageMaker.
pub type Operation = sagewright_cloud_core::api::Operation<SageMaker>;

/// An operation of a crate's own, or one that is the same for all kinds.
#[derive(Clone, Copy)]
pub(crate) enum Look {
    Own(Operation),
    Shared(Kind, recorded::Verb),
}

impl Look {
    pub(crate) fn take<'a>(self, sm: &'a SageMaker, call: &'a Call) -> Answer<'a> {
        match self {
            Self::Own(operation) => operation(sm, call),
            Self::Shared(kind, verb) => verb(sm, call, kind),
        }
    }
}

/// The operations of all crates, by name.
pub(crate) struct Operations {
    own: HashMap<&'static str, Operation>,
    shared: HashMap<String, (Kind, recorded::Verb)>,
}

impl Operations {
    fn find(&self, name: &str) -> Option<Look> {
        let own = self.own.get(name).map(|operation| Look::Own(*operation));
        own.or_else(|| self.shared.get(name).map(|(kind, verb)| Look::Shared(*kind, *verb)))
    }

    /// Answers a call at once.
    pub(crate) async fn answer(&self, sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
        match self.find(&call.operation.name) {
            Some(look) => look.take(sm, call).await,
            None => recorded::refused(call).unwrap_or_else(|| Err(unsupported(call))),
        }
    }
}

/// SageMaker as the port sees it.
pub struct Service {
    sagemaker: SageMaker,
}

impl Service {
    /// A service that answers the operations of `tables`, and through which they call each other.
    pub fn new(sagemaker: SageMaker, tables: &[&[(&'static str, Operation)]]) -> Self {
        let own = tables.iter().copied().flatten().copied().collect();
        sagemaker.answers_with(Operations { own, shared: recorded::operations() });
        Self { sagemaker }
    }
}

#[async_trait]
impl Handler for Service {
    async fn call(&self, call: Call) -> Result<Output, ApiError> {
        let (sm, call) = (&self.sagemaker, &call);
        let operations = sm.operations()?;
        let name = &*call.operation.name;
        let hold = sm.execution().hold;
        let held = operations.find(name).zip(hold::described(name).filter(|_| !hold.is_zero()));
        match held {
            Some((look, kind)) => hold::describe(sm, call, kind, look, hold).await,
            None => operations.answer(sm, call).await,
        }
        .map(Output::from)
    }
}
