//! `awsJson1_0` and `awsJson1_1`: the operation in `X-Amz-Target`, input and output as JSON.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderValue, Response};
use sagewright_model::{Member, Operation, Service, Shape, ShapeType};
use serde_json::Value;

use super::{Request, Wire, check, empty_object, output_shape, serialization, time, unknown_operation};
use sagewright_cloud_core::api::ApiError;

pub(super) fn read(service: &'static Service, parts: &Parts, body: &[u8]) -> Result<Request, ApiError> {
    let target = parts.headers.get("x-amz-target").and_then(|v| v.to_str().ok()).unwrap_or_default();
    let (prefix, name) = target.rsplit_once('.').unwrap_or(("", target));
    let expected = service.metadata.target_prefix.as_deref().unwrap_or_default();
    let operation = match service.operation(name) {
        Some(operation) if prefix == expected => operation,
        _ => return Err(unknown_operation(service, target)),
    };
    let input = parse(body)?;
    check(service, Wire::Json, operation, &input)?;
    Ok(Request { operation, input, payload: Bytes::new() })
}

/// A JSON body; an empty one counts as `{}`.
pub(super) fn parse(body: &[u8]) -> Result<Value, ApiError> {
    if body.is_empty() {
        return Ok(empty_object());
    }
    match serde_json::from_slice(body) {
        Ok(Value::Null) => Ok(empty_object()),
        Ok(value) => Ok(value),
        Err(e) => Err(serialization(format!("The request body is not JSON: {e}"))),
    }
}

pub(super) fn write(service: &'static Service, operation: &Operation, value: &Value) -> Response<Bytes> {
    let mut out = Vec::with_capacity(256);
    match output_shape(service, operation) {
        Some(shape) if value.is_object() => write_value(service, shape, None, value, &mut out),
        _ => out.extend_from_slice(b"{}"),
    }
    let mut response = Response::new(Bytes::from(out));
    response.headers_mut().insert(CONTENT_TYPE, content_type(service));
    response
}

pub(super) fn content_type(service: &Service) -> HeaderValue {
    match service.metadata.json_version.as_deref() {
        Some("1.0") => HeaderValue::from_static("application/x-amz-json-1.0"),
        _ => HeaderValue::from_static("application/x-amz-json-1.1"),
    }
}

/// Writes a value as its shape asks: timestamps as numbers, absent and unknown members left out.
pub(super) fn write_value(service: &Service, shape: &Shape, member: Option<&Member>, value: &Value, out: &mut Vec<u8>) {
    match (shape.kind, value) {
        (ShapeType::Structure, Value::Object(map)) => {
            out.push(b'{');
            let mut first = true;
            for (name, child) in map {
                if child.is_null() {
                    continue;
                }
                let Some(member) = shape.members.get(name.as_str()) else {
                    tracing::debug!(service = service.id, member = %name, "a member that the model does not have is left out");
                    continue;
                };
                if member.location.is_some() {
                    continue;
                }
                let Some(target) = service.target(member) else { continue };
                comma(&mut first, out);
                text(member.location_name.as_deref().unwrap_or(name), out);
                out.push(b':');
                write_value(service, target, Some(member), child, out);
            }
            out.push(b'}');
        }
        (ShapeType::List, Value::Array(items)) => {
            let Some((member, target)) = shape.member.as_ref().and_then(|m| Some((m, service.target(m)?))) else {
                return plain(value, out);
            };
            out.push(b'[');
            let mut first = true;
            for item in items {
                comma(&mut first, out);
                write_value(service, target, Some(member), item, out);
            }
            out.push(b']');
        }
        (ShapeType::Map, Value::Object(map)) => {
            let Some((member, target)) = shape.value.as_ref().and_then(|m| Some((m, service.target(m)?))) else {
                return plain(value, out);
            };
            out.push(b'{');
            let mut first = true;
            for (key, item) in map.iter().filter(|(_, v)| !v.is_null()) {
                comma(&mut first, out);
                text(key, out);
                out.push(b':');
                write_value(service, target, Some(member), item, out);
            }
            out.push(b'}');
        }
        (ShapeType::Timestamp, value) => match time::millis(value) {
            None => plain(value, out),
            Some(millis) => match time::Format::of(member, shape, time::Format::Epoch) {
                time::Format::Epoch => out.extend_from_slice(time::epoch(millis).as_bytes()),
                format => text(&format.write(millis), out),
            },
        },
        (_, value) => plain(value, out),
    }
}

fn comma(first: &mut bool, out: &mut Vec<u8>) {
    if !std::mem::take(first) {
        out.push(b',');
    }
}

fn text(text: &str, out: &mut Vec<u8>) {
    // Writing text to memory cannot fail.
    let _ = serde_json::to_writer(out, text);
}

fn plain(value: &Value, out: &mut Vec<u8>) {
    let _ = serde_json::to_writer(out, value);
}
