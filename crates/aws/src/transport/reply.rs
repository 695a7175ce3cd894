//! Answers: read whole, or handed over as a stream.

use std::fmt;

use aws_smithy_runtime_api::client::interceptors::context::{Error, Output};
use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::ser_de::DeserializeResponse;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::error::ErrorMetadata;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use bytes::Bytes;
use sagewright_model::Service;

use super::body::{Bounds, LONGEST};
use crate::protocol::{self, ServiceError, WireResponse};

/// A successful answer.
#[derive(Debug)]
pub(crate) enum Reply {
    /// Read whole.
    Whole(WireResponse),
    /// Body not read yet; the first part's body is empty.
    Stream(WireResponse, SdkBody),
}

/// A service's error, in the form that the SDK's retry classifiers ask for.
#[derive(Debug)]
pub(crate) struct CallError(pub ServiceError, ErrorMetadata);

impl CallError {
    fn new(error: ServiceError) -> Self {
        let metadata = ErrorMetadata::builder().code(&error.code).message(&error.message).build();
        Self(error, metadata)
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for CallError {}

impl ProvideErrorMetadata for CallError {
    fn meta(&self) -> &ErrorMetadata {
        &self.1
    }
}

/// Tells errors from successes.
#[derive(Debug)]
pub(crate) struct ReplyReader {
    service: &'static Service,
    streaming: bool,
    bounds: Bounds,
}

impl ReplyReader {
    pub(crate) fn new(service: &'static Service, streaming: bool, bounds: Bounds) -> Self {
        Self { service, streaming, bounds }
    }
}

fn head(response: &HttpResponse) -> WireResponse {
    WireResponse {
        status: response.status().as_u16(),
        headers: response.headers().iter().collect(),
        body: Bytes::new(),
    }
}

impl DeserializeResponse for ReplyReader {
    fn deserialize_streaming_with_config(
        &self,
        response: &mut HttpResponse,
        _: &ConfigBag,
    ) -> Option<Result<Output, OrchestratorError<Error>>> {
        let body = response.take_body();
        if !self.streaming || !response.status().is_success() {
            *response.body_mut() = Bounds { most: Some(LONGEST), ..self.bounds.clone() }.hold(body);
            return None;
        }
        Some(Ok(Output::erase(Reply::Stream(head(response), self.bounds.hold(body)))))
    }

    fn deserialize_nonstreaming_with_config(
        &self,
        response: &HttpResponse,
        _: &ConfigBag,
    ) -> Result<Output, OrchestratorError<Error>> {
        let body = response.body().bytes().map(Bytes::copy_from_slice).unwrap_or_default();
        let whole = WireResponse { body, ..head(response) };
        if protocol::error::is_error(self.service, whole.status, &whole.body) {
            let error = CallError::new(protocol::error::read(self.service, &whole));
            return Err(OrchestratorError::operation(Error::erase(error)));
        }
        Ok(Output::erase(Reply::Whole(whole)))
    }
}
