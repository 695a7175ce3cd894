//! AWS's wire protocols: requests to input, output and errors to answers.

mod bounds;
mod cbor;
mod error;
mod header;
mod json;
mod query;
mod rest;
mod scalar;
mod time;
mod xml;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};
use sagewright_model::{Invalid, Operation, Service, Shape, validate};
use serde_json::{Map, Value};

use sagewright_cloud_core::api::{ApiError, Output};

/// How a caller talks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// `awsJson1_0`, `awsJson1_1`
    Json,
    /// `restJson1`
    RestJson,
    /// `restXml`
    RestXml,
    /// `awsQuery`
    Query,
    /// `rpcv2Cbor`
    RpcV2Cbor,
}

impl Wire {
    /// The protocol that an unknown service's request looks like.
    pub(crate) fn guess(parts: &Parts) -> Self {
        let content_type = parts.headers.get(http::header::CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
        let query = parts.uri.query().unwrap_or_default();
        if parts.headers.get(cbor::PROTOCOL_HEADER) == Some(&cbor::PROTOCOL) {
            Self::RpcV2Cbor
        } else if parts.headers.contains_key("x-amz-target") {
            Self::Json
        } else if content_type.starts_with(b"application/x-www-form-urlencoded") || query.contains("Action=") {
            Self::Query
        } else {
            Self::RestJson
        }
    }

    /// Whether errors are XML, under the codes of the services that answer so.
    pub(crate) fn is_xml(self) -> bool {
        matches!(self, Self::Query | Self::RestXml)
    }
}

/// A request that has been read and found valid.
#[derive(Debug)]
pub struct Request {
    /// The operation.
    pub operation: &'static Operation,
    /// Its input under AWS's member names.
    pub input: Value,
    /// The HTTP body, where the input's payload is a blob.
    pub payload: Bytes,
}

/// Reads a request and checks it against the model.
///
/// # Errors
/// What is wrong with the request, as AWS says it.
pub fn read(service: &'static Service, wire: Wire, parts: &Parts, body: Bytes) -> Result<Request, ApiError> {
    match wire {
        Wire::Json => json::read(service, parts, &body),
        Wire::RestJson | Wire::RestXml => rest::read(service, wire, parts, body),
        Wire::Query => query::read(service, parts, &body),
        Wire::RpcV2Cbor => cbor::read(service, parts, &body),
    }
}

/// The operation that a request in `restJson1` or `restXml` names.
pub(crate) fn named(service: &'static Service, parts: &Parts) -> Option<&'static Operation> {
    rest::named(service, parts)
}

/// Reads what an answer of `restXml` tells, as far as it can be read; contents of objects are not part of it.
pub(crate) fn read_answer(
    service: &'static Service,
    operation: &'static Operation,
    headers: &http::HeaderMap,
    body: &[u8],
) -> Value {
    rest::read_answer(service, operation, headers, body)
}

/// Writes an answer.
pub fn write(
    service: &'static Service,
    wire: Wire,
    operation: &'static Operation,
    output: Output,
    request_id: &str,
) -> Response<Bytes> {
    let mut response = match wire {
        Wire::Json => json::write(service, operation, &output.value),
        Wire::RestJson | Wire::RestXml => rest::write(service, wire, operation, output),
        Wire::Query => query::write(service, operation, &output.value, request_id),
        Wire::RpcV2Cbor => cbor::write(service, operation, &output.value),
    };
    set_request_id(&mut response, request_id);
    response
}

/// Writes an error. Without a service (an unknown one) the plainest form is used.
pub fn write_error(
    service: Option<&'static Service>,
    wire: Wire,
    error: &ApiError,
    request_id: &str,
) -> Response<Bytes> {
    let mut response = match wire {
        Wire::Json | Wire::RestJson => error::json(service, wire, error),
        Wire::Query | Wire::RestXml => error::xml(service, wire, error, request_id),
        Wire::RpcV2Cbor => cbor::write_error(service, error),
    };
    *response.status_mut() = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    set_request_id(&mut response, request_id);
    response
}

fn set_request_id(response: &mut Response<Bytes>, request_id: &str) {
    if let Ok(value) = HeaderValue::from_str(request_id) {
        response.headers_mut().insert("x-amzn-requestid", value);
    }
}

/// Checks input against the model, with the code that the service family uses for it.
fn check(service: &Service, wire: Wire, operation: &Operation, input: &Value) -> Result<(), ApiError> {
    let Some(shape) = shape_of(service, operation.input.as_ref().map(|i| &*i.shape)) else { return Ok(()) };
    validate(service, shape, input).map_err(|invalid| invalid_error(service, wire, operation, &invalid))
}

fn invalid_error(service: &Service, wire: Wire, operation: &Operation, invalid: &Invalid) -> ApiError {
    let code = match (invalid, wire) {
        (Invalid::Type { .. }, Wire::Query) => "MalformedInput",
        (Invalid::Type { .. }, _) => "SerializationException",
        (Invalid::Constraints(_), Wire::Query) => "ValidationError",
        (Invalid::Constraints(_), _) => validation_code(service, operation),
    };
    ApiError::new(code, 400, invalid.to_string())
}

/// Services that declare an error of their own for bad input use that one.
fn validation_code(service: &Service, operation: &Operation) -> &'static str {
    if matches!(service.id, "logs" | "resourcegroupstaggingapi") {
        return "InvalidParameterException";
    }
    // It keeps the codes of the query protocol that it spoke once.
    if service.id == "cloudwatch" {
        return "ValidationError";
    }
    // The last is Route 53's.
    ["ValidationException", "ValidationError", "InvalidInput"]
        .into_iter()
        .find(|code| operation.errors.iter().any(|e| e.shape == **code))
        .unwrap_or("ValidationException")
}

fn shape_of<'s>(service: &'s Service, name: Option<&str>) -> Option<&'s Shape> {
    service.shape(name?)
}

fn output_shape(service: &'static Service, operation: &Operation) -> Option<&'static Shape> {
    shape_of(service, operation.output.as_ref().map(|o| &*o.shape))
}

fn unknown_operation(service: &Service, name: &str) -> ApiError {
    let message = format!("{} has no operation {name}", service.metadata.service_id);
    ApiError::new("UnknownOperationException", 400, message)
}

fn serialization(message: impl Into<String>) -> ApiError {
    ApiError::new("SerializationException", 400, message)
}

fn empty_object() -> Value {
    Value::Object(Map::new())
}
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
