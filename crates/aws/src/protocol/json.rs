//! `awsJson1_0`, `awsJson1_1`, and the JSON bodies of `restJson1`.

use bytes::Bytes;
use sagewright_model::{Member, Operation, Service, Shape, ShapeType};
use serde_json::{Map, Value};

use super::error::has_too_many;
use super::scalar::{self, join, wrong};
use super::timestamp::{self, Format};
use super::{AnswerError, InputError, WireRequest, WireResponse, input_shape, kind_of, output_shape, unknown_member};

/// Nesting that no AWS shape comes near; recursive shapes of hostile input stop here.
const MAX_DEPTH: usize = 100;

pub(super) fn encode(
    service: &'static Service,
    operation: &'static Operation,
    input: &Value,
) -> Result<WireRequest, InputError> {
    let body = match input_shape(service, operation) {
        Some(shape) => to_json(service, shape, None, input, "", 0)?,
        None => Value::Object(Map::new()),
    };
    let metadata = &service.metadata;
    let version = metadata.json_version.as_deref().unwrap_or("1.0");
    let prefix = metadata.target_prefix.as_deref().unwrap_or(&metadata.service_id);
    Ok(WireRequest {
        method: "POST".to_owned(),
        path: "/".to_owned(),
        headers: vec![
            ("content-type".to_owned(), format!("application/x-amz-json-{version}")),
            ("x-amz-target".to_owned(), format!("{prefix}.{}", operation.name)),
        ],
        body: Bytes::from(body.to_string()),
        ..WireRequest::default()
    })
}

pub(super) fn decode(
    service: &'static Service,
    operation: &'static Operation,
    response: &WireResponse,
) -> Result<Value, AnswerError> {
    decode_body(service, output_shape(service, operation), &response.body)
}

/// A JSON body as the caller's value; an empty body is an empty object, where that can be an answer.
pub(super) fn decode_body(
    service: &'static Service,
    shape: Option<&'static Shape>,
    body: &[u8],
) -> Result<Value, AnswerError> {
    if body.iter().all(u8::is_ascii_whitespace) {
        // What stands between may answer with nothing; taken for an answer, it would say that there is nothing.
        return match shape.and_then(|s| s.required.first()) {
            Some(name) => Err(AnswerError::new("JSON", &format!("it is empty, and has to hold '{name}'"), body)),
            None => Ok(Value::Object(Map::new())),
        };
    }
    if has_too_many(body, b",[{") {
        return Err(AnswerError::too_large("JSON", body));
    }
    let value: Value = serde_json::from_slice(body).map_err(|e| AnswerError::new("JSON", &e, body))?;
    if shape.is_some_and(|s| s.kind == ShapeType::Structure) && !value.is_object() {
        return Err(AnswerError::new("JSON", &format!("it is {}, not an object", kind_of(&value)), body));
    }
    Ok(match shape {
        Some(shape) => from_json(service, shape, value),
        None => value,
    })
}

/// The caller's value in the wire's JSON: wire names, timestamps, no nulls.
pub(super) fn to_json(
    service: &'static Service,
    shape: &'static Shape,
    member: Option<&Member>,
    value: &Value,
    path: &str,
    depth: usize,
) -> Result<Value, InputError> {
    if depth > MAX_DEPTH {
        return Err(InputError(format!("{path} is nested more than {MAX_DEPTH} deep")));
    }
    match shape.kind {
        ShapeType::Structure => {
            let object = value.as_object().ok_or_else(|| wrong(value, path, "an object"))?;
            let mut out = Map::with_capacity(object.len());
            for (name, item) in object.iter().filter(|(_, v)| !v.is_null()) {
                let member = shape.members.get(name.as_str()).ok_or_else(|| unknown_member(name, path, shape))?;
                let target = scalar::target(service, member)?;
                let item = to_json(service, target, Some(member), item, &join(path, name), depth + 1)?;
                out.insert(member.location_name.as_deref().unwrap_or(name).to_owned(), item);
            }
            Ok(Value::Object(out))
        }
        ShapeType::List => {
            let items = value.as_array().ok_or_else(|| wrong(value, path, "a list"))?;
            let Some(element) = &shape.member else { return Ok(value.clone()) };
            let target = scalar::target(service, element)?;
            let encode = |(i, item): (usize, &Value)| {
                to_json(service, target, Some(element), item, &format!("{path}[{i}]"), depth + 1)
            };
            Ok(Value::Array(items.iter().enumerate().map(encode).collect::<Result<_, _>>()?))
        }
        ShapeType::Map => {
            let object = value.as_object().ok_or_else(|| wrong(value, path, "an object"))?;
            let Some(element) = &shape.value else { return Ok(value.clone()) };
            let target = scalar::target(service, element)?;
            let mut out = Map::with_capacity(object.len());
            for (key, item) in object {
                let item = to_json(service, target, Some(element), item, &join(path, key), depth + 1)?;
                out.insert(key.clone(), item);
            }
            Ok(Value::Object(out))
        }
        ShapeType::Timestamp => {
            let named = member.and_then(|m| m.timestamp_format.as_deref()).or(shape.timestamp_format.as_deref());
            let instant = timestamp::parse(value).ok_or_else(|| wrong(value, path, "a timestamp (RFC 3339 text)"))?;
            Ok(timestamp::to_wire(instant, Format::of(named, Format::Unix)))
        }
        ShapeType::Blob => scalar::blob(value, path).map(|_| value.clone()),
        // The service judges scalars; its message is better than ours.
        _ => Ok(value.clone()),
    }
}

/// The wire's JSON as the caller's value. Members that the model does not know are kept.
pub(super) fn from_json(service: &'static Service, shape: &'static Shape, value: Value) -> Value {
    match (shape.kind, value) {
        (ShapeType::Structure, Value::Object(object)) => {
            let mut out = Map::with_capacity(object.len());
            for (wire, item) in object {
                let known = shape.members.get_key_value(wire.as_str()).filter(|(_, m)| m.location_name.is_none());
                let known = known
                    .or_else(|| shape.members.iter().find(|(n, m)| m.location_name.as_deref().unwrap_or(n) == wire));
                match known {
                    Some(_) if item.is_null() => {}
                    Some((name, member)) => {
                        let item = match service.shape(&member.shape) {
                            Some(target) => from_json(service, target, item),
                            None => item,
                        };
                        out.insert((*name).to_owned(), item);
                    }
                    None => {
                        out.insert(wire, item);
                    }
                }
            }
            Value::Object(out)
        }
        (ShapeType::List, Value::Array(items)) => match shape.member.as_ref().and_then(|m| service.shape(&m.shape)) {
            Some(target) => Value::Array(items.into_iter().map(|item| from_json(service, target, item)).collect()),
            None => Value::Array(items),
        },
        (ShapeType::Map, Value::Object(object)) => match shape.value.as_ref().and_then(|m| service.shape(&m.shape)) {
            Some(target) => {
                Value::Object(object.into_iter().map(|(key, item)| (key, from_json(service, target, item))).collect())
            }
            None => Value::Object(object),
        },
        (ShapeType::Timestamp, value) => timestamp::from_wire(&value),
        (_, value) => value,
    }
}
