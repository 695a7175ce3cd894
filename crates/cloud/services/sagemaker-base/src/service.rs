//! The service over the operations of all its crates.

use std::collections::HashMap;

use async_trait::async_trait;
pub use sagewright_cloud_core::api::Answer;
use sagewright_cloud_core::api::{ApiError, Call, Handler, Output, unsupported};

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

/// SageMaker as the port sees it.
pub struct Service {
    sagemaker: SageMaker,
    operations: HashMap<&'static str, Operation>,
    shared: HashMap<String, (Kind, recorded::Verb)>,
}

impl Service {
    /// A service that answers the operations of `tables`.
    pub fn new(sagemaker: SageMaker, tables: &[&[(&'static str, Operation)]]) -> Self {
        Self {
            sagemaker,
            operations: tables.iter().copied().flatten().copied().collect(),
            shared: recorded::operations(),
        }
    }
}

#[async_trait]
impl Handler for Service {
    async fn call(&self, call: Call) -> Result<Output, ApiError> {
        let name = &*call.operation.name;
        let (sm, call) = (&self.sagemaker, &call);
        let own = self.operations.get(name).map(|operation| Look::Own(*operation));
        let look = own.or_else(|| self.shared.get(name).map(|(kind, verb)| Look::Shared(*kind, *verb)));
        if let Some(look) = look {
            let hold = sm.execution().hold;
            return match hold::described(name).filter(|_| !hold.is_zero()) {
                Some(kind) => hold::describe(sm, call, kind, look, hold).await,
                None => look.take(sm, call).await,
            }
            .map(Output::from);
        }
        recorded::refused(call).unwrap_or_else(|| Err(unsupported(call))).map(Output::from)
    }
}
