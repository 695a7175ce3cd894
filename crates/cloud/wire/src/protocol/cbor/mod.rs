//! `rpcv2Cbor`: service and operation in the path, input and output as CBOR.

mod read;
#[cfg(test)]
mod tests;
mod write;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderValue, Method, Response};
use sagewright_model::{Operation, Service};
use serde_json::Value;

use super::{Request, Wire, check, empty_object, error, output_shape, serialization, shape_of, unknown_operation};
use sagewright_cloud_core::api::ApiError;

const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/cbor");

/// Names this protocol, in requests and in answers.
pub(super) const PROTOCOL_HEADER: &str = "smithy-protocol";
/// What that header says.
pub(super) const PROTOCOL: HeaderValue = HeaderValue::from_static("rpc-v2-cbor");

pub(super) fn read(service: &'static Service, parts: &Parts, body: &[u8]) -> Result<Request, ApiError> {
    let path = parts.uri.path();
    let operation = match names(path) {
        Some((of, name)) if parts.method == Method::POST && is_of(service, of) => service.operation(name),
        _ => None,
    };
    let Some(operation) = operation else {
        let mut error = unknown_operation(service, &format!("{} {path}", parts.method));
        error.status = 404;
        return Err(error);
    };
    if parts.headers.get(PROTOCOL_HEADER) != Some(&PROTOCOL) {
        return Err(serialization(format!("The header {PROTOCOL_HEADER} has to say rpc-v2-cbor")));
    }
    let given = parts.headers.get(CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    if !body.is_empty() && given != MEDIA_TYPE.as_bytes() {
        let given = String::from_utf8_lossy(given);
        return Err(serialization(format!("The request's Content-Type has to be application/cbor, and is '{given}'")));
    }
    let input = match shape_of(service, operation.input.as_ref().map(|i| &*i.shape)) {
        Some(shape) if !body.is_empty() => read::document(service, shape, body)?,
        _ => empty_object(),
    };
    check(service, Wire::RpcV2Cbor, operation, &input)?;
    Ok(Request { operation, input, payload: Bytes::new() })
}

/// The names of service and operation: a path may have segments before them.
fn names(path: &str) -> Option<(&str, &str)> {
    let mut segments = path.rsplit('/');
    let (name, operation) = (segments.next()?, segments.next()?);
    let (of, service) = (segments.next()?, segments.next()?);
    (operation == "operation" && service == "service").then_some((of, name))
}

fn is_of(service: &Service, name: &str) -> bool {
    service.metadata.target_prefix.as_deref().is_none_or(|expected| expected == name)
}

pub(super) fn write(service: &'static Service, operation: &Operation, value: &Value) -> Response<Bytes> {
    match output_shape(service, operation) {
        Some(shape) => respond(write::document(service, shape, value, &[])),
        None => {
            let mut response = Response::new(Bytes::new());
            response.headers_mut().insert(PROTOCOL_HEADER, PROTOCOL);
            response
        }
    }
}

/// `{"__type": NAME, "message": TEXT, …}`
pub(super) fn write_error(service: Option<&'static Service>, error: &ApiError) -> Response<Bytes> {
    let (name, shape) = error::shape(service, error);
    let kind = ("__type", name);
    let message = (error::message_member(shape, error), error.message.as_str());
    let body = match service.zip(shape) {
        Some((service, shape)) => {
            let members = Value::Object(error.members.clone());
            write::document(service, shape, &members, &[kind, message])
        }
        None => write::texts(&[kind, message]),
    };
    let mut response = respond(body);
    error::query_code(service, error, &mut response);
    response
}

fn respond(body: Vec<u8>) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body));
    response.headers_mut().insert(CONTENT_TYPE, MEDIA_TYPE);
    response.headers_mut().insert(PROTOCOL_HEADER, PROTOCOL);
    response
}
