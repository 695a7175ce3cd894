//! Errors as each protocol tells them.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Response};
use sagewright_model::{Member, Service, Shape};
use serde_json::{Map, Value};

use super::{Wire, header, json, xml};
use sagewright_cloud_core::api::ApiError;

/// `{"__type": CODE, "message": TEXT}`; error shapes that spell it `Message` get that.
pub(super) fn json(service: Option<&'static Service>, wire: Wire, error: &ApiError) -> Response<Bytes> {
    let mut body = Map::new();
    let (name, declared) = shape(service, error);
    if wire == Wire::Json {
        body.insert("__type".to_owned(), name.into());
    }
    body.insert(message_member(declared, error).to_owned(), error.message.as_str().into());
    let mut headers = Vec::new();
    for (name, value) in &error.members {
        let member = declared.and_then(|s| s.members.get(name.as_str())).filter(|_| wire == Wire::RestJson);
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
    query_code(service, error, &mut response);
    response
}

/// The shape of an error and its name; services that spoke the query protocol once have codes that differ from names.
pub(super) fn shape<'e>(service: Option<&'static Service>, error: &'e ApiError) -> (&'e str, Option<&'static Shape>) {
    let by_name = service.and_then(|s| s.shape(&error.code));
    let by_code = || {
        let shapes = service.filter(|s| s.metadata.aws_query_compatible.is_some())?.shapes.iter();
        shapes
            .filter(|(_, shape)| shape.exception)
            .find(|(_, shape)| shape.error.as_ref().and_then(|e| e.code.as_deref()) == Some(&*error.code))
    };
    match by_name {
        Some(shape) => (&error.code, Some(shape)),
        None => by_code().map_or((&error.code, None), |(name, shape)| (*name, Some(shape))),
    }
}

/// Tells the code of the query protocol in a header, to clients that spoke it once.
pub(super) fn query_code(service: Option<&'static Service>, error: &ApiError, response: &mut Response<Bytes>) {
    if service.is_none_or(|s| s.metadata.aws_query_compatible.is_none()) {
        return;
    }
    let info = shape(service, error).1.and_then(|s| s.error.as_ref());
    let code = info.and_then(|e| e.code.as_deref()).unwrap_or(&error.code);
    if let Ok(value) = HeaderValue::from_str(&format!("{code};{}", fault(error))) {
        response.headers_mut().insert(HeaderName::from_static("x-amzn-query-error"), value);
    }
}

/// Whose fault an error is.
fn fault(error: &ApiError) -> &'static str {
    if error.status < 500 { "Sender" } else { "Receiver" }
}

/// A member as the protocol writes it.
fn inner(service: Option<&'static Service>, member: Option<&Member>, value: &Value) -> Value {
    let Some((service, member)) = service.zip(member) else { return value.clone() };
    let Some(target) = service.target(member) else { return value.clone() };
    let mut out = Vec::new();
    json::write_value(service, target, Some(member), value, &mut out);
    serde_json::from_slice(&out).unwrap_or_else(|_| value.clone())
}

/// How the message is spelled.
pub(super) fn message_member(shape: Option<&Shape>, error: &ApiError) -> &'static str {
    let capital = match shape {
        Some(shape) => shape.members.contains_key("Message"),
        None => error.code == "AccessDeniedException",
    };
    if capital { "Message" } else { "message" }
}

/// `<ErrorResponse><Error>…</Error><RequestId>…</RequestId></ErrorResponse>`
pub(super) fn xml(
    service: Option<&'static Service>,
    wire: Wire,
    error: &ApiError,
    request_id: &str,
) -> Response<Bytes> {
    let mut out = String::with_capacity(256);
    out.push_str("<ErrorResponse");
    xml::namespace(service, &mut out);
    out.push_str("><Error>");
    xml::element("Type", fault(error), &mut out);
    xml::element("Code", &error.code, &mut out);
    xml::element("Message", &error.message, &mut out);
    let declared = service.and_then(|s| Some((s, s.shape(&error.code)?)));
    if let Some((service, shape)) = declared {
        xml::members(service, shape, &Value::Object(error.members.clone()), &mut out);
    }
    out.push_str("</Error>");
    xml::element("RequestId", request_id, &mut out);
    out.push_str("</ErrorResponse>");
    let mut response = Response::new(Bytes::from(out));
    let content_type = if wire == Wire::RestXml { "application/xml" } else { "text/xml" };
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Some((service, shape)) = declared {
        header::write_all(service, shape, &error.members, &mut response);
    }
    response
}
