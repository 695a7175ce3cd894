//! `restJson1` and `restXml`: members in labels, query strings, headers and the body.

use bytes::Bytes;
use percent_encoding::{AsciiSet, utf8_percent_encode};
use sagewright_model::{Member, Operation, Protocol, Service, Shape, ShapeType};
use serde_json::{Map, Value};

use super::query::ESCAPED;
use super::scalar::{self, join, wrong};
use super::timestamp::Format;
use super::{
    AnswerError, InputError, WireRequest, WireResponse, input_shape, json, output_shape, xml, xml_read, xml_write,
};

/// A greedy label keeps its slashes.
const ESCAPED_GREEDY: &AsciiSet = &ESCAPED.remove(b'/');

/// Namespace of S3's request bodies.
const S3_NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

pub(super) fn encode(
    service: &'static Service,
    operation: &'static Operation,
    input: &Value,
) -> Result<WireRequest, InputError> {
    let (template, literal_query) =
        operation.http.request_uri.split_once('?').unwrap_or((&operation.http.request_uri, ""));
    let mut parts = Parts { query: Vec::new(), headers: Vec::new(), body: Map::new() };
    if !literal_query.is_empty() {
        parts.query.push(literal_query.to_owned());
    }
    let mut request = WireRequest { method: operation.http.method.to_string(), ..WireRequest::default() };
    let Some(shape) = input_shape(service, operation) else {
        request.path = template.to_owned();
        request.query = parts.query.join("&");
        return Ok(request);
    };
    let object = input.as_object().ok_or_else(|| wrong(input, "the input", "an object"))?;
    for (name, value) in object {
        if let Some(member) = shape.members.get(name.as_str()) {
            parts.place(service, shape, name, member, value)?;
        }
    }
    let (bucket, template) = match template.strip_prefix("/{Bucket}") {
        Some(rest) if service.id == "s3" => {
            let bucket = object.get("Bucket").and_then(Value::as_str).unwrap_or_default();
            if bucket.is_empty() || bucket.contains('/') {
                return Err(InputError(format!("{} needs a bucket name in 'Bucket'", operation.name)));
            }
            (Some(bucket.to_owned()), if rest.is_empty() { "/" } else { rest })
        }
        _ => (None, template),
    };
    request.bucket = bucket;
    request.path = path(service, operation, shape, template, object)?;
    request.query = parts.query.join("&");
    request.headers = parts.headers;
    body(service, operation, shape, parts.body, &mut request)?;
    Ok(request)
}

struct Parts {
    query: Vec<String>,
    headers: Vec<(String, String)>,
    body: Map<String, Value>,
}

impl Parts {
    fn place(
        &mut self,
        service: &'static Service,
        shape: &'static Shape,
        name: &str,
        member: &'static Member,
        value: &Value,
    ) -> Result<(), InputError> {
        let target = scalar::target(service, member)?;
        let wire = member.location_name.as_deref().unwrap_or(name);
        match member.location.as_deref() {
            Some("uri" | "statusCode") => {}
            Some("querystring") => self.query(service, target, member, wire, value, name)?,
            Some("header") => self.header(service, target, member, wire, value, name)?,
            Some("headers") => {
                let object = value.as_object().ok_or_else(|| wrong(value, name, "an object of text"))?;
                for (key, item) in object {
                    let text = item.as_str().ok_or_else(|| wrong(item, &join(name, key), "text"))?;
                    self.headers.push((format!("{wire}{key}"), text.to_owned()));
                }
            }
            _ => {
                debug_assert!(shape.members.contains_key(name));
                self.body.insert(name.to_owned(), value.clone());
            }
        }
        Ok(())
    }

    fn query(
        &mut self,
        service: &'static Service,
        shape: &'static Shape,
        member: &Member,
        wire: &str,
        value: &Value,
        path: &str,
    ) -> Result<(), InputError> {
        match shape.kind {
            ShapeType::List => {
                let items = value.as_array().ok_or_else(|| wrong(value, path, "a list"))?;
                let Some(element) = &shape.member else { return Ok(()) };
                let target = scalar::target(service, element)?;
                for (i, item) in items.iter().enumerate() {
                    self.query(service, target, element, wire, item, &format!("{path}[{i}]"))?;
                }
            }
            ShapeType::Map => {
                let object = value.as_object().ok_or_else(|| wrong(value, path, "an object"))?;
                let Some(element) = &shape.value else { return Ok(()) };
                let target = scalar::target(service, element)?;
                for (key, item) in object {
                    self.query(service, target, element, key, item, &join(path, key))?;
                }
            }
            _ => {
                let format = member.timestamp_format.as_deref();
                let text = scalar::to_text(shape, format, Format::Iso8601, value, path)?;
                self.query.push(format!(
                    "{}={}",
                    utf8_percent_encode(wire, ESCAPED),
                    utf8_percent_encode(&text, ESCAPED)
                ));
            }
        }
        Ok(())
    }

    fn header(
        &mut self,
        service: &'static Service,
        shape: &'static Shape,
        member: &Member,
        wire: &str,
        value: &Value,
        path: &str,
    ) -> Result<(), InputError> {
        let format = member.timestamp_format.as_deref();
        let text = if member.jsonvalue {
            scalar::base64(value.to_string().as_bytes())
        } else if shape.kind == ShapeType::List {
            let items = value.as_array().ok_or_else(|| wrong(value, path, "a list"))?;
            let Some(element) = &shape.member else { return Ok(()) };
            let target = scalar::target(service, element)?;
            let texts: Result<Vec<String>, InputError> =
                items.iter().map(|item| scalar::to_text(target, None, Format::HttpDate, item, path)).collect();
            texts?.join(",")
        } else {
            scalar::to_text(shape, format, Format::HttpDate, value, path)?
        };
        if text.chars().any(|c| c.is_control() && c != '\t') {
            return Err(InputError(format!("{path} is sent as a header and must not hold line breaks")));
        }
        self.headers.push((wire.to_owned(), text));
        Ok(())
    }
}

/// Fills the labels of the URI template.
fn path(
    service: &'static Service,
    operation: &'static Operation,
    shape: &'static Shape,
    template: &str,
    input: &Map<String, Value>,
) -> Result<String, InputError> {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let (label, after) = after
            .split_once('}')
            .ok_or_else(|| InputError(format!("the model's URI of {} is broken: {template}", operation.name)))?;
        rest = after;
        let (label, set) = match label.strip_suffix('+') {
            Some(label) => (label, ESCAPED_GREEDY),
            None => (label, ESCAPED),
        };
        let found = shape
            .members
            .iter()
            .find(|(n, m)| m.location.as_deref() == Some("uri") && m.location_name.as_deref().unwrap_or(n) == label);
        let (name, member) =
            found.ok_or_else(|| InputError(format!("the model of {} has no member for '{label}'", operation.name)))?;
        let value = input.get(*name).unwrap_or(&Value::Null);
        let target = scalar::target(service, member)?;
        let text = match value {
            Value::Null => String::new(),
            value => scalar::to_text(target, member.timestamp_format.as_deref(), Format::Iso8601, value, name)?,
        };
        if text.is_empty() {
            return Err(InputError(format!("{} needs '{name}', which is part of its address", operation.name)));
        }
        out.extend(utf8_percent_encode(&text, set));
    }
    out.push_str(rest);
    Ok(out)
}

fn body(
    service: &'static Service,
    operation: &'static Operation,
    shape: &'static Shape,
    mut members: Map<String, Value>,
    request: &mut WireRequest,
) -> Result<(), InputError> {
    let xml = service.protocol() == Protocol::RestXml;
    let mut content_type = None;
    if let Some(payload) = shape.payload.as_deref() {
        let (Some(member), Some(value)) = (shape.members.get(payload), members.remove(payload)) else { return Ok(()) };
        let target = scalar::target(service, member)?;
        match target.kind {
            ShapeType::Blob => {
                request.body = Bytes::from(scalar::blob(&value, payload)?);
                content_type = Some("application/octet-stream");
            }
            ShapeType::Structure if xml => {
                let root = member.location_name.as_deref().unwrap_or(payload);
                let text = xml_write::document(service, target, root, namespace(service), &value)?;
                request.body = Bytes::from(text);
                content_type = Some("application/xml");
            }
            ShapeType::Structure => {
                let value = json::to_json(service, target, Some(member), &value, payload, 0)?;
                request.body = Bytes::from(value.to_string());
                content_type = Some("application/json");
            }
            _ => {
                request.body = Bytes::from(scalar::to_text(target, None, Format::Iso8601, &value, payload)?);
                content_type = Some("text/plain");
            }
        }
    } else if shape.members.values().any(|m| m.location.is_none()) {
        let members = Value::Object(members);
        if xml {
            let reference = operation.input.as_ref();
            let root = reference.and_then(|r| r.location_name.as_deref()).unwrap_or(&operation.name);
            let root = root.to_owned();
            request.body = Bytes::from(xml_write::document(service, shape, &root, namespace(service), &members)?);
            content_type = Some("application/xml");
        } else {
            request.body = Bytes::from(json::to_json(service, shape, None, &members, "", 0)?.to_string());
            content_type = Some("application/json");
        }
    }
    if let Some(content_type) = content_type
        && !request.headers.iter().any(|(n, _)| n.eq_ignore_ascii_case("content-type"))
    {
        request.headers.push(("content-type".to_owned(), content_type.to_owned()));
    }
    if service.id == "s3" && content_type == Some("application/xml") {
        // S3 asks for a checksum on requests that change many things at once; MD5 is the one that all emulators know.
        request.headers.push(("content-md5".to_owned(), scalar::base64(&md5_of(&request.body))));
    }
    Ok(())
}

fn md5_of(body: &[u8]) -> Vec<u8> {
    use md5::{Digest as _, Md5};
    Md5::digest(body).to_vec()
}

fn namespace(service: &'static Service) -> Option<&'static str> {
    match service.metadata.xml_namespace.as_ref() {
        Some(Value::String(uri)) => Some(uri),
        Some(Value::Object(object)) => object.get("uri").and_then(Value::as_str),
        _ => (service.id == "s3").then_some(S3_NAMESPACE),
    }
}

pub(super) fn decode(
    service: &'static Service,
    operation: &'static Operation,
    response: &WireResponse,
) -> Result<Value, AnswerError> {
    let mut out = Map::new();
    let Some(shape) = output_shape(service, operation) else { return Ok(Value::Object(out)) };
    let xml = service.protocol() == Protocol::RestXml;
    let blank = response.body.iter().all(u8::is_ascii_whitespace);
    let in_body = || shape.members.values().any(|member| member.location.is_none());
    if blank && xml && response.status == 200 && shape.payload.is_none() && in_body() {
        // What stands between may answer with nothing; taken for an answer, it would say that there is nothing.
        return Err(AnswerError::new("XML", &"it is empty", &response.body));
    }
    if let Some(payload) = shape.payload.as_deref() {
        let target = shape.members.get(payload).and_then(|m| service.shape(&m.shape));
        if let Some(target) = target {
            let value = match target.kind {
                ShapeType::Blob => Some(Value::String(scalar::base64(&response.body))),
                ShapeType::Structure if blank => None,
                ShapeType::Structure if xml => Some(xml_read::read(service, target, &xml::parse(&response.body)?)),
                ShapeType::Structure => Some(json::decode_body(service, Some(target), &response.body)?),
                _ => Some(Value::String(String::from_utf8_lossy(&response.body).into_owned())),
            };
            out.extend(value.map(|value| (payload.to_owned(), value)));
        }
    } else if !blank {
        let value = if !xml {
            json::decode_body(service, Some(shape), &response.body)?
        } else if in_body() {
            let root = xml::parse(&response.body)?;
            match operation.name.as_str() {
                // Its answer is the constraint itself, not an element around it.
                "GetBucketLocation" if root.children.is_empty() && !root.text.trim().is_empty() => {
                    Value::Object(Map::from_iter([("LocationConstraint".to_owned(), Value::String(root.text))]))
                }
                _ => xml_read::read(service, shape, &root),
            }
        } else {
            Value::Null
        };
        if let Value::Object(members) = value {
            out.extend(members);
        }
    }
    for (name, member) in &shape.members {
        let Some(target) = service.shape(&member.shape) else { continue };
        let wire = member.location_name.as_deref().unwrap_or(name);
        let value = match member.location.as_deref() {
            Some("header") => response.headers.get(wire).and_then(|text| from_header(service, target, member, text)),
            Some("headers") => {
                let named: Map<String, Value> = response
                    .headers
                    .iter()
                    .filter_map(|(n, v)| {
                        let head = n.get(..wire.len())?;
                        head.eq_ignore_ascii_case(wire).then(|| (n[wire.len()..].to_owned(), Value::from(v)))
                    })
                    .collect();
                (!named.is_empty()).then_some(Value::Object(named))
            }
            Some("statusCode") => Some(Value::from(response.status)),
            _ => None,
        };
        out.extend(value.map(|value| ((*name).to_owned(), value)));
    }
    Ok(Value::Object(out))
}

fn from_header(service: &'static Service, shape: &'static Shape, member: &Member, text: &str) -> Option<Value> {
    use base64::Engine as _;
    if member.jsonvalue {
        let bytes = base64::engine::general_purpose::STANDARD.decode(text).ok()?;
        return serde_json::from_slice(&bytes).ok();
    }
    if shape.kind == ShapeType::List {
        let target = shape.member.as_ref().and_then(|m| service.shape(&m.shape))?;
        return Some(Value::Array(text.split(',').map(|item| scalar::from_text(target, item.trim())).collect()));
    }
    Some(scalar::from_text(shape, text))
}
