//! `restJson1`: method and path name the operation; labels, query, headers and body carry its input.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};
use percent_encoding::percent_decode_str;
use sagewright_model::{Invalid, Member, Operation, Segment, Service, Shape, ShapeType, Violation};
use serde_json::{Map, Number, Value};

use super::time::Format;
use super::{
    Request, check, empty_object, header, invalid_error, json, output_shape, serialization, shape_of, unknown_operation,
};
use sagewright_cloud_core::api::{ApiError, Output};

type Labels = Vec<(String, String)>;

pub(super) fn read(service: &'static Service, parts: &Parts, body: Bytes) -> Result<Request, ApiError> {
    let Some((operation, labels)) = find(service, parts) else {
        let mut error = unknown_operation(service, &format!("{} {}", parts.method, parts.uri.path()));
        error.status = 404;
        return Err(error);
    };
    let Some(shape) = shape_of(service, operation.input.as_ref().map(|i| &*i.shape)) else {
        return Ok(Request { operation, input: empty_object(), payload: body });
    };
    let mut input = Map::new();
    let mut payload = Bytes::new();
    match payload_member(service, shape) {
        Some((name, target)) if target.kind == ShapeType::Blob => {
            too_long(service, operation, name, target, &body)?;
            payload = body;
            // Present for validation; handlers find it in `Call::payload`.
            input.insert(name.to_owned(), Value::String(String::new()));
        }
        Some((_, _)) if body.is_empty() => {}
        Some((name, target)) if target.kind == ShapeType::String => {
            input.insert(name.to_owned(), String::from_utf8_lossy(&body).into_owned().into());
        }
        Some((name, _)) => {
            input.insert(name.to_owned(), read_value(service, shape.members.get(name), json::parse(&body)?)?);
        }
        None => {
            if let Value::Object(members) = json::parse(&body)? {
                input = inside(service, shape, members)?;
            } else {
                return Err(serialization("Unexpected token received from parser"));
            }
        }
    }
    outside(service, shape, parts, &labels, &mut input)?;
    let mut input = Value::Object(input);
    match payload_member(service, shape) {
        Some((name, target)) if target.kind == ShapeType::Blob => {
            check_without_payload(service, operation, name, &input)?;
            if let Value::Object(map) = &mut input {
                map.remove(name);
            }
        }
        _ => check(service, operation, &input)?,
    }
    Ok(Request { operation, input, payload })
}

/// Body members under their AWS names.
fn inside(service: &Service, shape: &Shape, mut members: Map<String, Value>) -> Result<Map<String, Value>, ApiError> {
    let mut out = Map::new();
    for (name, member) in shape.members.iter().filter(|(_, m)| m.location.is_none()) {
        if let Some(value) = members.remove(member.location_name.as_deref().unwrap_or(name)) {
            out.insert((*name).to_owned(), read_value(service, Some(member), value)?);
        }
    }
    Ok(out)
}

/// A value whose structures have their members under their AWS names, and whose timestamps are such.
fn read_value(service: &Service, member: Option<&Member>, value: Value) -> Result<Value, ApiError> {
    let Some(shape) = member.and_then(|m| service.target(m)) else { return Ok(value) };
    Ok(match (shape.kind, value) {
        (ShapeType::Structure, Value::Object(members)) if !shape.members.is_empty() => {
            Value::Object(inside(service, shape, members)?)
        }
        (ShapeType::List, Value::Array(items)) => {
            items.into_iter().map(|v| read_value(service, shape.member.as_ref(), v)).collect::<Result<_, _>>()?
        }
        (ShapeType::Map, Value::Object(map)) => map
            .into_iter()
            .map(|(key, v)| Ok((key, read_value(service, shape.value.as_ref(), v)?)))
            .collect::<Result<Map<_, _>, ApiError>>()?
            .into(),
        (ShapeType::Timestamp, value) if !value.is_null() => {
            if !Format::of(member, shape, Format::Epoch).reads_json(&value) {
                return Err(serialization(format!("{value} can not be converted to a timestamp")));
            }
            value
        }
        (_, value) => value,
    })
}

/// Members in the path, the query and the headers.
fn outside(
    service: &Service,
    shape: &Shape,
    parts: &Parts,
    labels: &Labels,
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
            Some("querystring") => from_query(service, member, target, wire, parts.uri.query().unwrap_or_default())?,
            Some("header") => header::read(service, member, target, parts, wire)?,
            Some("headers") => Some(prefixed(parts, wire)),
            _ => None,
        };
        if let Some(value) = value {
            input.insert((*name).to_owned(), value);
        }
    }
    Ok(())
}

fn prefixed(parts: &Parts, prefix: &str) -> Value {
    let prefix = prefix.to_ascii_lowercase();
    let mut map = Map::new();
    for (name, value) in &parts.headers {
        if let Some(rest) = name.as_str().strip_prefix(&prefix) {
            map.insert(rest.to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned().into());
        }
    }
    Value::Object(map)
}

fn from_query(
    service: &Service,
    member: &Member,
    shape: &Shape,
    wire: &str,
    query: &str,
) -> Result<Option<Value>, ApiError> {
    let decode = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    let pairs = query.split('&').filter(|p| !p.is_empty()).map(|p| p.split_once('=').unwrap_or((p, "")));
    if shape.kind == ShapeType::Map {
        return Ok(all_of_query(service, shape, pairs.map(|(n, v)| (decode(n), decode(v)))));
    }
    let mut values = pairs.filter(|(n, _)| decode(n) == wire).map(|(_, v)| decode(v));
    if shape.kind == ShapeType::List {
        let Some(item) = shape.member.as_ref().and_then(|m| service.target(m)) else { return Ok(None) };
        let items =
            values.map(|v| scalar(shape.member.as_ref(), item, &v, Format::Iso8601)).collect::<Result<Vec<_>, _>>()?;
        return Ok((!items.is_empty()).then_some(Value::Array(items)));
    }
    values.next().map(|v| scalar(Some(member), shape, &v, Format::Iso8601)).transpose()
}

/// The member that takes all parameters, those of other members as well.
fn all_of_query(service: &Service, shape: &Shape, pairs: impl Iterator<Item = (String, String)>) -> Option<Value> {
    let lists = shape.value.as_ref().and_then(|m| service.target(m)).is_some_and(|s| s.kind == ShapeType::List);
    let mut map = Map::new();
    for (name, value) in pairs {
        let value = Value::String(value);
        match map.get_mut(&name) {
            Some(Value::Array(values)) => values.push(value),
            Some(_) => {}
            None => drop(map.insert(name, if lists { Value::Array(vec![value]) } else { value })),
        }
    }
    (!map.is_empty()).then_some(Value::Object(map))
}

/// A member that stands outside the body; timestamps are in their place's format, unless the model says otherwise.
pub(super) fn scalar(
    member: Option<&Member>,
    shape: &Shape,
    text: &str,
    timestamps: Format,
) -> Result<Value, ApiError> {
    use ShapeType as T;
    let wrong = || serialization(format!("'{text}' can not be converted to a value of its member"));
    match shape.kind {
        T::Integer | T::Long | T::Short | T::Byte | T::BigInteger => {
            text.trim().parse::<i64>().map(Value::from).map_err(|_| wrong())
        }
        T::Float | T::Double | T::BigDecimal => {
            text.trim().parse().ok().and_then(Number::from_f64).map(Value::Number).ok_or_else(wrong)
        }
        T::Boolean => text.parse().map(Value::Bool).map_err(|_| wrong()),
        T::Timestamp if !Format::of(member, shape, timestamps).reads(text) => Err(wrong()),
        _ => Ok(Value::String(text.to_owned())),
    }
}

/// The operation whose method and path template fit, the one with the longest template first.
fn find(service: &'static Service, parts: &Parts) -> Option<(&'static Operation, Labels)> {
    service
        .operations
        .values()
        .filter(|o| *o.http.method == *parts.method.as_str())
        .filter_map(|o| Some((o, labels(&o.http.request_uri, parts.uri.path())?)))
        .max_by_key(|(o, _)| o.http.request_uri.len())
}

/// The labels of a path that fits a template: `{Name}` is one segment, `{Name+}` takes all that is left for it.
fn labels(template: &str, path: &str) -> Option<Labels> {
    let template = template.split('?').next()?;
    let pattern: Vec<&str> = template.split('/').skip(1).collect();
    let mut segments = path.split('/').skip(1).collect::<Vec<_>>();
    if segments.len() > 1 && segments.last() == Some(&"") && pattern.last() != Some(&"") {
        segments.pop();
    }
    let mut out = Vec::new();
    let mut at = 0;
    for (i, part) in pattern.iter().enumerate() {
        let label = part.strip_prefix('{').and_then(|p| p.strip_suffix('}'));
        let decode = |text: &str| percent_decode_str(text).decode_utf8().ok().map(std::borrow::Cow::into_owned);
        match label {
            None => {
                if segments.get(at) != Some(part) {
                    return None;
                }
                at += 1;
            }
            Some(label) => {
                let take = match label.strip_suffix('+') {
                    Some(_) => segments.len().checked_sub(at + (pattern.len() - i - 1)).filter(|n| *n > 0)?,
                    None => 1,
                };
                let text = segments.get(at..at + take)?.join("/");
                if text.is_empty() {
                    return None;
                }
                out.push((label.trim_end_matches('+').to_owned(), decode(&text)?));
                at += take;
            }
        }
    }
    (at == segments.len()).then_some(out)
}

fn payload_member<'s>(service: &'s Service, shape: &'s Shape) -> Option<(&'s str, &'s Shape)> {
    let name = shape.payload.as_deref()?;
    let member: &Member = shape.members.get(name)?;
    Some((name, service.target(member)?))
}

#[allow(clippy::cast_precision_loss)] // bodies are far below 2^52 bytes
fn too_long(service: &Service, operation: &Operation, name: &str, shape: &Shape, body: &Bytes) -> Result<(), ApiError> {
    let Some(max) = shape.max.filter(|max| body.len() as f64 > *max) else { return Ok(()) };
    let violation = Violation {
        path: vec![Segment::Member(name.to_owned())],
        value: Some("***Sensitive***".to_owned()),
        constraint: format!("Member must have length less than or equal to {max}"),
    };
    Err(invalid_error(service, operation, &Invalid::Constraints(vec![violation])))
}

/// The payload has been checked already; an empty stand-in must not be told as too short.
fn check_without_payload(service: &Service, operation: &Operation, name: &str, input: &Value) -> Result<(), ApiError> {
    let Some(shape) = shape_of(service, operation.input.as_ref().map(|i| &*i.shape)) else { return Ok(()) };
    match sagewright_model::validate(service, shape, input) {
        Ok(()) => Ok(()),
        Err(Invalid::Constraints(mut violations)) => {
            violations.retain(|v| v.path.first() != Some(&Segment::Member(name.to_owned())));
            if violations.is_empty() {
                Ok(())
            } else {
                Err(invalid_error(service, operation, &Invalid::Constraints(violations)))
            }
        }
        Err(other) => Err(invalid_error(service, operation, &other)),
    }
}

pub(super) fn write(service: &'static Service, operation: &Operation, output: Output) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    let status = operation.http.response_code.and_then(|code| StatusCode::from_u16(code).ok());
    *response.status_mut() = status.unwrap_or(StatusCode::OK);
    let Some(shape) = output_shape(service, operation) else { return response };
    let mut content_type = HeaderValue::from_static("application/json");
    match payload_member(service, shape) {
        Some((_, target)) if target.kind == ShapeType::Blob => {
            *response.body_mut() = output.payload;
            content_type = HeaderValue::from_static("application/octet-stream");
        }
        Some((name, target)) if target.kind == ShapeType::String => {
            let text = output.value.get(name).and_then(Value::as_str).unwrap_or_default();
            *response.body_mut() = Bytes::copy_from_slice(text.as_bytes());
            content_type = HeaderValue::from_static("text/plain");
        }
        Some((name, target)) => {
            let mut out = Vec::new();
            if let Some(value) = output.value.get(name) {
                json::write_value(service, target, None, value, &mut out);
            }
            *response.body_mut() = out.into();
        }
        None => {
            let mut out = Vec::with_capacity(64);
            let empty = empty_object();
            let value = if output.value.is_object() { &output.value } else { &empty };
            json::write_value(service, shape, None, value, &mut out);
            *response.body_mut() = out.into();
        }
    }
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    for (name, member) in &shape.members {
        let Some(value) = output.value.get(*name).filter(|v| !v.is_null()) else { continue };
        let wire = member.location_name.as_deref().unwrap_or(name);
        match member.location.as_deref() {
            Some("header") => header::write(service, member, &mut response, wire, value),
            Some("headers") => {
                for (key, value) in value.as_object().into_iter().flatten() {
                    header::set(&mut response, &format!("{wire}{key}"), value);
                }
            }
            Some("statusCode") => {
                let code =
                    value.as_u64().and_then(|n| u16::try_from(n).ok()).and_then(|n| StatusCode::from_u16(n).ok());
                *response.status_mut() = code.unwrap_or(StatusCode::OK);
            }
            _ => {}
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_matched_against_templates() {
        let one = |name: &str, value: &str| Some(vec![(name.to_owned(), value.to_owned())]);
        let cases = [
            ("/endpoints/{E}/invocations", "/endpoints/a/invocations", one("E", "a")),
            ("/endpoints/{E}/invocations", "/endpoints/a%20%2Fb/invocations", one("E", "a /b")),
            ("/endpoints/{E}/invocations", "/endpoints/a/b/invocations", None),
            ("/endpoints/{E}/invocations", "/endpoints//invocations", None),
            ("/endpoints/{E}/invocations", "/endpoints/a/invocations/", one("E", "a")),
            ("/b/{K+}", "/b/x/y/z", one("K", "x/y/z")),
            ("/b/{K+}/tail", "/b/x/y/tail", one("K", "x/y")),
            ("/b/{K+}", "/b", None),
            ("/b?list", "/b", Some(vec![])),
            ("/", "/", Some(vec![])),
        ];
        for (template, path, expected) in cases {
            assert_eq!(labels(template, path), expected, "{template} {path}");
        }
    }
}
