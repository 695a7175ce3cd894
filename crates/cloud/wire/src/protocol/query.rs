//! `awsQuery`: a form with `Action` in, XML out.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderValue, Response};
use percent_encoding::percent_decode;
use sagewright_model::{Member, Operation, Service, Shape, ShapeType};
use serde_json::{Map, Value};

use super::{Request, Wire, check, empty_object, output_shape, scalar, shape_of, xml};
use sagewright_cloud_core::api::ApiError;

/// Structures within structures within … stop here; no AWS input is nearly as deep.
const DEEPEST: usize = 32;

/// Parameters by name, sorted, so that all of a structure's stand together.
type Form = BTreeMap<String, String>;

pub(super) fn read(service: &'static Service, parts: &Parts, body: &[u8]) -> Result<Request, ApiError> {
    let mut form = Form::new();
    collect(parts.uri.query().unwrap_or_default().as_bytes(), &mut form);
    collect(body, &mut form);
    let version = form.get("Version").cloned();
    let Some(action) = form.get("Action") else {
        return Err(ApiError::new("MissingAction", 400, "The request must contain the parameter Action."));
    };
    let expected = &service.metadata.api_version;
    let operation = service.operation(action).filter(|_| version.as_deref().is_none_or(|v| *expected == v));
    let Some(operation) = operation else {
        let version = version.unwrap_or_else(|| "NO_VERSION_SPECIFIED".to_owned());
        let message = format!("Could not find operation {action} for version {version}");
        return Err(ApiError::new("InvalidAction", 400, message));
    };
    let input = match shape_of(service, operation.input.as_ref().map(|i| &*i.shape)) {
        None => empty_object(),
        Some(shape) => structure(service, shape, "", &form, 0)?.unwrap_or_else(empty_object),
    };
    check(service, Wire::Query, operation, &input)?;
    Ok(Request { operation, input, payload: Bytes::new() })
}

fn collect(raw: &[u8], form: &mut Form) {
    for pair in raw.split(|b| *b == b'&').filter(|p| !p.is_empty()) {
        let mut sides = pair.splitn(2, |b| *b == b'=');
        let decode = |side: Option<&[u8]>| {
            let spaced: Vec<u8> = side.unwrap_or_default().iter().map(|b| if *b == b'+' { b' ' } else { *b }).collect();
            percent_decode(&spaced).decode_utf8_lossy().into_owned()
        };
        let name = decode(sides.next());
        form.insert(name, decode(sides.next()));
    }
}

fn any_below(form: &Form, prefix: &str) -> bool {
    form.range(prefix.to_owned()..).next().is_some_and(|(name, _)| name.starts_with(prefix))
}

fn structure(
    service: &Service,
    shape: &Shape,
    prefix: &str,
    form: &Form,
    depth: usize,
) -> Result<Option<Value>, ApiError> {
    if depth > DEEPEST || (!prefix.is_empty() && !any_below(form, prefix)) {
        return Ok(None);
    }
    let mut map = Map::new();
    for (name, member) in &shape.members {
        let path = format!("{prefix}{}", member.location_name.as_deref().unwrap_or(name));
        if let Some(value) = value(service, member, &path, form, depth)? {
            map.insert((*name).to_owned(), value);
        }
    }
    Ok(Some(Value::Object(map)))
}

fn value(service: &Service, member: &Member, path: &str, form: &Form, depth: usize) -> Result<Option<Value>, ApiError> {
    let Some(shape) = service.target(member) else { return Ok(None) };
    let flattened = shape.flattened || member.flattened;
    match shape.kind {
        ShapeType::Structure => structure(service, shape, &format!("{path}."), form, depth + 1),
        ShapeType::List => {
            let Some(item) = &shape.member else { return Ok(None) };
            let stem = match item.location_name.as_deref() {
                _ if flattened => path.to_owned(),
                Some(name) => format!("{path}.{name}"),
                None => format!("{path}.member"),
            };
            // `Name=` alone is an empty list.
            let mut items = Vec::new();
            for n in 1.. {
                let one = format!("{stem}.{n}");
                if depth > DEEPEST || !(form.contains_key(&one) || any_below(form, &format!("{one}."))) {
                    break;
                }
                items.push(value(service, item, &one, form, depth + 1)?.unwrap_or(Value::Null));
            }
            Ok((!items.is_empty() || form.contains_key(path)).then_some(Value::Array(items)))
        }
        ShapeType::Map => {
            let (Some(key), Some(item)) = (&shape.key, &shape.value) else { return Ok(None) };
            let stem = if flattened { path.to_owned() } else { format!("{path}.entry") };
            let key_name = key.location_name.as_deref().unwrap_or("key");
            let value_name = item.location_name.as_deref().unwrap_or("value");
            let mut map = Map::new();
            for n in 1.. {
                let Some(key) = form.get(&format!("{stem}.{n}.{key_name}")) else { break };
                let item = value(service, item, &format!("{stem}.{n}.{value_name}"), form, depth + 1)?;
                map.insert(key.clone(), item.unwrap_or(Value::Null));
            }
            Ok((!map.is_empty() || form.contains_key(path)).then_some(Value::Object(map)))
        }
        kind => form.get(path).map(|text| scalar(kind, text)).transpose(),
    }
}

fn scalar(kind: ShapeType, text: &str) -> Result<Value, ApiError> {
    let malformed = || ApiError::new("MalformedInput", 400, format!("'{text}' is not a valid value of its parameter"));
    scalar::read(kind, text).ok_or_else(malformed)
}

pub(super) fn write(
    service: &'static Service,
    operation: &Operation,
    value: &Value,
    request_id: &str,
) -> Response<Bytes> {
    let name = &*operation.name;
    let mut out = String::with_capacity(512);
    for part in ["<", name, "Response"] {
        out.push_str(part);
    }
    xml::namespace(Some(service), &mut out);
    out.push('>');
    let wrapper = operation.output.as_ref().and_then(|o| o.result_wrapper.as_deref());
    if let Some(shape) = output_shape(service, operation) {
        if let Some(wrapper) = wrapper {
            for part in ["<", wrapper, ">"] {
                out.push_str(part);
            }
        }
        xml::members(service, shape, value, &mut out);
        if let Some(wrapper) = wrapper {
            for part in ["</", wrapper, ">"] {
                out.push_str(part);
            }
        }
    }
    out.push_str("<ResponseMetadata>");
    xml::element("RequestId", request_id, &mut out);
    for part in ["</ResponseMetadata></", name, "Response>"] {
        out.push_str(part);
    }
    let mut response = Response::new(Bytes::from(out));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/xml"));
    response
}
