//! Which failed attempts the SDK's runtime makes again: those that pass soon, by the port's classes.
//!
//! Throttles are not among them: the call goes back to its queue. Neither are writes that may have taken effect: whoever
//! made the call has to look first.

use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::retries::classifiers::{ClassifyRetry, RetryAction, RetryClassifierPriority};
use aws_smithy_types::retry::ErrorKind;
use sagewright_model::{Operation, Service};
use sagewright_port::cloud::Class;

use super::{CallError, Halt};

/// Decides for the attempts of one call. Its word is the last.
#[derive(Debug)]
pub(crate) struct Retries {
    /// Whether a second request that takes effect changes nothing more.
    pub repeatable: bool,
}

impl ClassifyRetry for Retries {
    fn name(&self) -> &'static str {
        "Retries"
    }

    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
    }

    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let Some(Err(error)) = context.output_or_error() else { return RetryAction::NoActionIndicated };
        if let Some(answer) = error.as_operation_error().and_then(|e| e.downcast_ref::<CallError>()) {
            let answer = &answer.0;
            return match answer.class() {
                Class::Transient if self.repeatable || answer.status < 500 => match answer.retry_after {
                    Some(after) => RetryAction::retryable_error_with_explicit_delay(ErrorKind::ServerError, after),
                    None => RetryAction::transient_error(),
                },
                Class::Transient | Class::Throttle => RetryAction::RetryForbidden,
                // The correction of the clock may know better.
                Class::Terminal | Class::Rejected | Class::Blocked => RetryAction::NoActionIndicated,
            };
        }
        if matches!(Halt::of(error), Some(Halt::TooLong(_))) {
            return RetryAction::RetryForbidden;
        }
        if self.repeatable || error.as_connector_error().is_some_and(crate::failure::is_refused) {
            return RetryAction::NoActionIndicated;
        }
        RetryAction::RetryForbidden
    }
}

/// Whether an operation only reads.
pub(crate) fn is_read(operation: &Operation) -> bool {
    const READS: [&str; 7] = ["Describe", "List", "Get", "Head", "Search", "BatchDescribe", "Filter"];
    READS.iter().any(|verb| operation.name.starts_with(verb))
}

/// Whether a request may be sent again that may have taken effect: not one that makes something or works without saying, by
/// a token, that it is the same request; and not one that changes what bears a name, which may be another's by then.
pub(crate) fn is_repeatable(service: &Service, operation: &Operation) -> bool {
    const WRITES: [&str; 7] = ["Create", "Start", "Invoke", "Update", "Stop", "Delete", "Deregister"];
    let writes = WRITES.iter().any(|verb| operation.name.starts_with(verb));
    let has_token = || {
        let input = service.input(&operation.name);
        input.is_some_and(|shape| shape.members.values().any(|member| member.idempotency_token))
    };
    // A second upload in parts is one that is never completed; a second bucket of a name is the first. Objects have no owners.
    !writes || service.id == "s3" || has_token()
}
