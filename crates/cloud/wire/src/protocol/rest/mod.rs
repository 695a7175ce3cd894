//! `restJson1` and `restXml`: method and path name the operation; labels, query, headers and body carry its input.

mod json;
#[cfg(test)]
mod tests;
mod text;
mod uri;
mod xml;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use sagewright_model::{Invalid, Member, Operation, Segment, Service, Shape, ShapeType, Violation};
use serde_json::{Map, Value};

use super::time::Format;
use super::{
    Request, Wire, check, empty_object, header, invalid_error, output_shape, serialization, shape_of, unknown_operation,
};
use sagewright_cloud_core::api::{ApiError, Output};

pub(super) use text::read as scalar;

pub(super) fn read(service: &'static Service, wire: Wire, parts: &Parts, body: Bytes) -> Result<Request, ApiError> {
    let Some((operation, labels)) = uri::find(service, parts) else {
        let mut error = unknown_operation(service, &format!("{} {}", parts.method, parts.uri.path()));
        error.status = 404;
        return Err(error);
    };
    let Some((bound, shape)) = operation.input.as_ref().and_then(|i| Some((i, service.shape(&i.shape)?))) else {
        return Ok(Request { operation, input: empty_object(), payload: body });
    };
    let mut input = Map::new();
    let mut payload = Bytes::new();
    match payload_member(service, shape) {
        Some((name, _, target)) if target.kind == ShapeType::Blob => {
            too_long(service, wire, operation, name, target, &body)?;
            payload = body;
            // Present for validation; handlers find it in `Call::payload`.
            input.insert(name.to_owned(), Value::String(String::new()));
        }
        Some(_) if body.is_empty() => {}
        Some((name, _, target)) if target.kind == ShapeType::String => {
            input.insert(name.to_owned(), String::from_utf8_lossy(&body).into_owned().into());
        }
        Some((name, member, target)) => {
            let value = match wire {
                Wire::RestXml => xml::read(service, target, member.location_name.as_deref(), &body)?,
                _ => json::read_value(service, Some(member), super::json::parse(&body)?)?,
            };
            input.insert(name.to_owned(), value);
        }
        None if wire == Wire::RestXml => {
            if !body.is_empty() && shape.members.values().any(|m| m.location.is_none()) {
                let value = xml::read(service, shape, bound.location_name.as_deref(), &body)?;
                input = if let Value::Object(members) = value { members } else { Map::new() };
            }
        }
        None => match super::json::parse(&body)? {
            Value::Object(members) => input = json::inside(service, shape, members)?,
            _ => return Err(serialization("Unexpected token received from parser")),
        },
    }
    outside(service, shape, parts, &labels, &mut input)?;
    let mut input = Value::Object(input);
    match payload_member(service, shape) {
        Some((name, _, target)) if target.kind == ShapeType::Blob => {
            check_without_payload(service, wire, operation, name, &input)?;
            if let Value::Object(map) = &mut input {
                map.remove(name);
            }
        }
        _ => check(service, wire, operation, &input)?,
    }
    Ok(Request { operation, input, payload })
}

/// The operation that a request names.
pub(super) fn named(service: &'static Service, parts: &Parts) -> Option<&'static Operation> {
    uri::find(service, parts).map(|(operation, _)| operation)
}

/// The output in an answer's headers and, where that is XML, in its body.
pub(super) fn read_answer(service: &Service, operation: &Operation, headers: &HeaderMap, body: &[u8]) -> Value {
    let Some(shape) = shape_of(service, operation.output.as_ref().map(|o| &*o.shape)) else { return empty_object() };
    let mut out = match payload_member(service, shape) {
        Some((name, _, target)) if target.kind == ShapeType::Structure => {
            let value = xml::read(service, target, None, body).ok();
            value.map(|value| Map::from_iter([(name.to_owned(), value)])).unwrap_or_default()
        }
        Some(_) => Map::new(),
        None => match xml::read(service, shape, None, body) {
            Ok(Value::Object(members)) => members,
            _ => Map::new(),
        },
    };
    for (name, member) in &shape.members {
        let wire = member.location_name.as_deref().unwrap_or(name);
        let Some(target) = service.target(member) else { continue };
        let value = match member.location.as_deref() {
            Some("header") => header::read(service, member, target, headers, wire).ok().flatten(),
            Some("headers") => Some(prefixed(headers, wire)),
            _ => None,
        };
        if let Some(value) = value {
            out.insert((*name).to_owned(), value);
        }
    }
    Value::Object(out)
}

/// Members in the path, the query and the headers.
fn outside(
    service: &Service,
    shape: &Shape,
    parts: &Parts,
    labels: &uri::Labels,
    input: &mut Map<String, Value>,
) -> Result<(), ApiError> {
    for (name, member) in &shape.members {
        let wire = member.location_name.as_deref().unwrap_or(name);
        let Some(target) = service.target(member) else { continue };
        let value = match member.location.as_deref() {
            Some("uri") => labels
                .iter()
                .find(|(l, _)| l == wire)
                .map(|(_, text)| scalar(Some(member), target, text, Format::Iso8601))
                .transpose()?,
            Some("querystring") => {
                uri::from_query(service, member, target, wire, parts.uri.query().unwrap_or_default())?
            }
            Some("header") => header::read(service, member, target, &parts.headers, wire)?,
            Some("headers") => Some(prefixed(&parts.headers, wire)),
            _ => None,
        };
        if let Some(value) = value {
            input.insert((*name).to_owned(), value);
        }
    }
    Ok(())
}

fn prefixed(headers: &HeaderMap, prefix: &str) -> Value {
    let prefix = prefix.to_ascii_lowercase();
    let mut map = Map::new();
    for (name, value) in headers {
        if let Some(rest) = name.as_str().strip_prefix(&prefix) {
            map.insert(rest.to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned().into());
        }
    }
    Value::Object(map)
}

fn payload_member<'s>(service: &'s Service, shape: &'s Shape) -> Option<(&'s str, &'s Member, &'s Shape)> {
    let name = shape.payload.as_deref()?;
    let member = shape.members.get(name)?;
    Some((name, member, service.target(member)?))
}

#[allow(clippy::cast_precision_loss)] // bodies are far below 2^52 bytes
fn too_long(
    service: &Service,
    wire: Wire,
    operation: &Operation,
    name: &str,
    shape: &Shape,
    body: &Bytes,
) -> Result<(), ApiError> {
    let Some(max) = shape.max.filter(|max| body.len() as f64 > *max) else { return Ok(()) };
    let violation = Violation {
        path: vec![Segment::Member(name.to_owned())],
        value: Some("***Sensitive***".to_owned()),
        constraint: format!("Member must have length less than or equal to {max}"),
    };
    Err(invalid_error(service, wire, operation, &Invalid::Constraints(vec![violation])))
}

/// The payload has been checked already; an empty stand-in must not be told as too short.
fn check_without_payload(
    service: &Service,
    wire: Wire,
    operation: &Operation,
    name: &str,
    input: &Value,
) -> Result<(), ApiError> {
    let Some(shape) = shape_of(service, operation.input.as_ref().map(|i| &*i.shape)) else { return Ok(()) };
    match sagewright_model::validate(service, shape, input) {
        Ok(()) => Ok(()),
        Err(Invalid::Constraints(mut violations)) => {
            violations.retain(|v| v.path.first() != Some(&Segment::Member(name.to_owned())));
            if violations.is_empty() {
                Ok(())
            } else {
                Err(invalid_error(service, wire, operation, &Invalid::Constraints(violations)))
            }
        }
        Err(other) => Err(invalid_error(service, wire, operation, &other)),
    }
}

pub(super) fn write(service: &'static Service, wire: Wire, operation: &Operation, output: Output) -> Response<Bytes> {
    let Output { value, payload, .. } = output;
    let mut response = Response::new(Bytes::new());
    let status = operation.http.response_code.and_then(|code| StatusCode::from_u16(code).ok());
    *response.status_mut() = status.unwrap_or(StatusCode::OK);
    let Some(shape) = output_shape(service, operation) else { return response };
    let (body, content_type) = match payload_member(service, shape) {
        Some((_, _, target)) if target.kind == ShapeType::Blob => (payload, Some("application/octet-stream")),
        Some((name, _, target)) if target.kind == ShapeType::String => {
            let text = value.get(name).and_then(Value::as_str).unwrap_or_default();
            (Bytes::copy_from_slice(text.as_bytes()), Some("text/plain"))
        }
        Some((name, member, target)) => match value.get(name) {
            Some(inner) if wire == Wire::RestXml => {
                let root = member.location_name.as_deref().unwrap_or(&member.shape);
                let namespace = member.xml_namespace.as_ref();
                (super::xml::document(service, operation, target, (root, namespace), inner), Some("application/xml"))
            }
            None if wire == Wire::RestXml => (Bytes::new(), None),
            inner => (inner.map(|v| json_body(service, target, v)).unwrap_or_default(), Some("application/json")),
        },
        None if wire == Wire::RestXml => {
            if shape.members.values().any(|m| m.location.is_none()) {
                let bound = operation.output.as_ref();
                let root = bound.map_or("Response", |o| o.location_name.as_deref().unwrap_or(&o.shape));
                let namespace = bound.and_then(|o| o.xml_namespace.as_ref());
                (super::xml::document(service, operation, shape, (root, namespace), &value), Some("application/xml"))
            } else {
                (Bytes::new(), Some("application/xml"))
            }
        }
        None if value.is_object() => (json_body(service, shape, &value), Some("application/json")),
        None => (Bytes::from_static(b"{}"), Some("application/json")),
    };
    *response.body_mut() = body;
    if let Some(content_type) = content_type {
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    if let Value::Object(members) = &value {
        header::write_all(service, shape, members, &mut response);
    }
    let code = shape.members.iter().find(|(_, m)| m.location.as_deref() == Some("statusCode"));
    if let Some(code) = code.and_then(|(name, _)| value.get(*name)).filter(|v| !v.is_null()) {
        let code = code.as_u64().and_then(|n| u16::try_from(n).ok()).and_then(|n| StatusCode::from_u16(n).ok());
        *response.status_mut() = code.unwrap_or(StatusCode::OK);
    }
    response
}

fn json_body(service: &Service, shape: &Shape, value: &Value) -> Bytes {
    let mut out = Vec::with_capacity(64);
    super::json::write_value(service, shape, None, value, &mut out);
    out.into()
}
