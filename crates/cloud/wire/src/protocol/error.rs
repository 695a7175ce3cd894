//! Errors as each protocol tells them.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response};
use sagewright_model::{Member, Service};
use serde_json::{Map, Value};

use super::{Wire, header, json, xml};
use sagewright_cloud_core::api::ApiError;

/// `{"__type": CODE, "message": TEXT}`; error shapes that spell it `Message` get that.
pub(super) fn json(service: Option<&'static Service>, wire: Wire, error: &ApiError) -> Response<Bytes> {
    let mut body = Map::new();
    if wire == Wire::Json {
        body.insert("__type".to_owned(), error.code.as_ref().into());
    }
    body.insert(message_member(service, error).to_owned(), error.message.as_str().into());
    let mut headers = Vec::new();
    for (name, value) in &error.members {
        let member =
            service.and_then(|s| s.shape(&error.code)?.members.get(name.as_str())).filter(|_| wire == Wire::RestJson);
        let told = member.and_then(|m| m.location_name.as_deref()).unwrap_or(name);
        match member.and_then(|m| m.location.as_deref()) {
            Some("header") => headers.push((told, value)),
            _ => drop(body.insert(told.to_owned(), inner(service, member, value))),
        }
    }
    let mut response = Response::new(Bytes::from(Value::Object(body).to_string()));
    for (name, value) in headers {
        header::set(&mut response, name, value);
    }
    let content_type = match (wire, service) {
        (Wire::Json, Some(service)) => json::content_type(service),
        (Wire::Json, None) => HeaderValue::from_static("application/x-amz-json-1.1"),
        _ => HeaderValue::from_static("application/json"),
    };
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    if let Ok(code) = HeaderValue::from_str(&error.code) {
        response.headers_mut().insert("x-amzn-errortype", code);
    }
    response
}

/// A member as the protocol writes it.
fn inner(service: Option<&'static Service>, member: Option<&Member>, value: &Value) -> Value {
    let Some((service, member)) = service.zip(member) else { return value.clone() };
    let Some(target) = service.target(member) else { return value.clone() };
    let mut out = Vec::new();
    json::write_value(service, target, Some(member), value, &mut out);
    serde_json::from_slice(&out).unwrap_or_else(|_| value.clone())
}

fn message_member(service: Option<&'static Service>, error: &ApiError) -> &'static str {
    let shape = service.and_then(|s| s.shape(&error.code));
    let capital = match shape {
        Some(shape) => shape.members.contains_key("Message"),
        None => error.code == "AccessDeniedException",
    };
    if capital { "Message" } else { "message" }
}

/// `<ErrorResponse><Error>…</Error><RequestId>…</RequestId></ErrorResponse>`
pub(super) fn xml(service: Option<&'static Service>, error: &ApiError, request_id: &str) -> Response<Bytes> {
    let mut out = String::with_capacity(256);
    out.push_str("<ErrorResponse");
    xml::namespace(service, &mut out);
    out.push_str("><Error>");
    xml::element("Type", if error.status < 500 { "Sender" } else { "Receiver" }, &mut out);
    xml::element("Code", &error.code, &mut out);
    xml::element("Message", &error.message, &mut out);
    if let Some((service, shape)) = service.and_then(|s| Some((s, s.shape(&error.code)?))) {
        xml::members(service, shape, &Value::Object(error.members.clone()), &mut out);
    }
    out.push_str("</Error>");
    xml::element("RequestId", request_id, &mut out);
    out.push_str("</ErrorResponse>");
    let mut response = Response::new(Bytes::from(out));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/xml"));
    response
}
