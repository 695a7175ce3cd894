//! Failures of the SDK's runtime as errors of the port.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::{ConnectorError, SdkError};
use sagewright_port::cloud::{CloudError, Stage};

use crate::config::chain;
use crate::endpoint::Endpoint;
use crate::protocol::Headers;
use crate::protocol::error::request_id;
use crate::rate_limiter::TooLate;
use crate::transport::{CallError, Halt};

/// A call that was not sent because its input is wrong.
pub(crate) fn input((service, operation): (&str, &str), code: &str, message: String) -> CloudError {
    CloudError::new(service, operation, Stage::Input, code, message)
}

/// A call whose credentials could not be had.
pub(crate) fn credentials((service, operation): (&str, &str), code: &str, message: String) -> CloudError {
    CloudError::new(service, operation, Stage::Credentials, code, message)
}

/// A call whose answer is not the service's, or does not say what it has to.
pub(crate) fn unreadable((service, operation): (&str, &str), message: String) -> CloudError {
    CloudError::new(service, operation, Stage::Answer, "UnreadableAnswer", message)
}

/// A call whose turn comes too late, or that has waited for it in vain.
pub(crate) fn too_late((service, operation): (&str, &str), too_late: TooLate) -> CloudError {
    let TooLate { wait, ahead, rate } = too_late;
    let message = match wait {
        Some(wait) => format!(
            "{service} is throttling {operation}. At {rate:.1} calls per second and with {ahead} calls queued ahead, this \
             call would start in {} s, after its time limit. It was not sent",
            wait.as_secs_f64().ceil()
        ),
        None => format!(
            "{service} is throttling {operation}. At {rate:.1} calls per second, the time limit passed before the turn of \
             this call came. It was not sent"
        ),
    };
    let error = CloudError::new(service, operation, Stage::Queue, "QueueTooLong", message);
    CloudError { retry_after: wait, ..error }
}

/// A call that did not get an answer, or whose answer broke off.
pub(crate) fn transport((service, operation): (&str, &str), code: &str, message: String) -> CloudError {
    CloudError::new(service, operation, Stage::Transport, code, message)
}

/// A call that was handed to the runtime.
pub(crate) fn sent(place: (&str, &str), endpoint: &Endpoint, error: SdkError<CallError, HttpResponse>) -> CloudError {
    match error {
        SdkError::ServiceError(context) => {
            let error = context.into_err().0;
            CloudError {
                status: Some(error.status),
                request_id: error.request_id,
                retry_after: error.retry_after,
                ..CloudError::new(place.0, place.1, Stage::Service, &error.code, error.message)
            }
        }
        SdkError::TimeoutError(_) => transport(place, "TimedOut", format!("{} did not answer in time", endpoint.url)),
        SdkError::DispatchFailure(failure) => {
            let cause = failure.as_connector_error();
            let why = cause.map_or_else(|| "the request could not be sent".to_owned(), |c| chain(c));
            if failure.is_timeout() {
                return transport(place, "TimedOut", format!("{} did not answer in time: {why}", endpoint.url));
            }
            let refused = cause.is_some_and(is_refused);
            match (refused, endpoint.configured) {
                (true, true) => {
                    let message = format!(
                        "nothing listens at {}, the configured endpoint of {}: is `sagewright local up` running? \
                         To call AWS itself, unset AWS_ENDPOINT_URL",
                        endpoint.url, place.0
                    );
                    transport(place, "ConnectionRefused", message)
                }
                (true, false) => {
                    transport(place, "ConnectionRefused", format!("{} refused the connection", endpoint.url))
                }
                (false, _) if why.contains("invalid peer certificate") => {
                    let message = format!(
                        "{} is not trusted: {why}. Name the authority that signed its certificate with AWS_CA_BUNDLE",
                        endpoint.url
                    );
                    transport(place, "NotTrusted", message)
                }
                // What the HTTP client says where it was connected already: somebody is there.
                (false, _) if why.contains("(SendRequest)") => {
                    transport(place, "ConnectionBroken", format!("the connection to {} broke: {why}", endpoint.url))
                }
                (false, _) => {
                    let message = format!(
                        "could not reach {}: {why}. Check the network, the region and proxy settings",
                        endpoint.url
                    );
                    transport(place, "ConnectionFailed", message)
                }
            }
        }
        SdkError::ResponseError(context) => {
            let raw = context.raw();
            let headers: Headers = raw.headers().iter().collect();
            let (status, id) = (raw.status().as_u16(), request_id(&headers));
            let error = SdkError::<CallError, _>::ResponseError(context);
            let base = match Halt::of(&error) {
                Some(halt @ Halt::TooLong(_)) => {
                    let message = format!("the answer of {} was not read: {halt}", endpoint.url);
                    CloudError::new(place.0, place.1, Stage::Answer, "AnswerTooLarge", message)
                }
                _ => {
                    let message = format!("the answer of {} broke off: {}", endpoint.url, chain(&error));
                    transport(place, "AnswerBroken", message)
                }
            };
            CloudError { status: Some(status), request_id: id, ..base }
        }
        SdkError::ConstructionFailure(_) => {
            input(place, "InvalidRequest", format!("the request could not be made: {}", chain(&error)))
        }
        other => transport(place, "Failed", chain(&other)),
    }
}

/// Whether nobody listened: nothing was sent.
pub(crate) fn is_refused(error: &ConnectorError) -> bool {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = next {
        if error.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::ConnectionRefused) {
            return true;
        }
        next = error.source();
    }
    false
}
