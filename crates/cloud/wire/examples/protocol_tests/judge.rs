//! One test: a request is read into its parameters, an output or an error is written as its answer.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Request, Response};
use sagewright_cloud_core::api::{ApiError, Output};
use sagewright_cloud_wire::protocol::{self, Wire};
use sagewright_model::{Shape, ShapeType};
use serde_json::{Map, Value};

use super::model::{Kind, Suite, Test, local, text};
use super::values::{Side, common, number, output};
use super::{cbor, xml};

/// Why a test fails.
pub fn judge(suite: &Suite, test: &Test) -> Result<(), String> {
    match test.kind {
        Kind::Request => request(suite, test),
        Kind::Response => response(suite, test),
        Kind::Error => error(suite, test),
        Kind::Malformed => malformed(suite, test),
    }
}

fn read(suite: &Suite, operation: &str, case: &Value) -> Result<protocol::Request, ApiError> {
    let queries: Vec<&str> = case["queryParams"].as_array().into_iter().flatten().map(text).collect();
    let uri = text(&case["uri"]);
    let glue = if queries.is_empty() {
        ""
    } else if uri.contains('?') {
        "&"
    } else {
        "?"
    };
    let uri = format!("{uri}{glue}{}", queries.join("&"));
    let mut request = Request::builder().method(text(&case["method"])).uri(uri);
    for (name, value) in case["headers"].as_object().into_iter().flatten() {
        request = request.header(name, text(value));
    }
    // Left out where the test is about something else.
    if matches!(suite.wire, Wire::Json) && case["headers"].get("X-Amz-Target").is_none() {
        request = request.header("x-amz-target", format!("{}.{operation}", suite.service.metadata.service_id));
    }
    let request = request.body(()).map_err(|error| ApiError::validation(format!("no request: {error}")))?;
    let body = Bytes::from(body(suite.wire, case));
    protocol::read(suite.service, suite.wire, &request.into_parts().0, body)
}

/// A case's body; one of CBOR is told as base64.
fn body(wire: Wire, case: &Value) -> Vec<u8> {
    let body = text(&case["body"]);
    if wire == Wire::RpcV2Cbor { STANDARD.decode(body).unwrap_or_default() } else { body.as_bytes().to_vec() }
}

fn request(suite: &Suite, test: &Test) -> Result<(), String> {
    let read = read(suite, &test.of, &test.case).map_err(|error| error.to_string())?;
    if *read.operation.name != *test.of {
        return Err(format!("is taken for {}", read.operation.name));
    }
    let Some(shape) = suite.service.input(&test.of) else { return Ok(()) };
    let mut input = common(suite.service, shape, &read.input, Side::Codec);
    if let (Some(payload), Value::Object(input)) = (blob_payload(suite, shape), &mut input)
        && !read.payload.is_empty()
    {
        input.insert(payload.to_owned(), String::from_utf8_lossy(&read.payload).into_owned().into());
    }
    let expected = common(suite.service, shape, &test.case["params"], Side::Suite);
    let expected = if expected.is_null() { Value::Object(Map::new()) } else { expected };
    if input == expected { Ok(()) } else { Err(format!("read as {input}, expected {expected}")) }
}

fn blob_payload<'s>(suite: &Suite, shape: &'s Shape) -> Option<&'s str> {
    let name = shape.payload.as_deref()?;
    let target = suite.service.target(shape.members.get(name)?)?;
    (target.kind == ShapeType::Blob).then_some(name)
}

fn response(suite: &Suite, test: &Test) -> Result<(), String> {
    let operation = suite.service.operation(&test.of).ok_or("no such operation")?;
    let mut out = Output::default();
    if let Some(shape) = suite.service.output(&test.of) {
        out.value = output(suite.service, shape, &test.case["params"]);
        if let (Some(payload), Value::Object(value)) = (blob_payload(suite, shape), &mut out.value)
            && value.remove(payload).is_some()
        {
            out.payload = Bytes::from(text(&test.case["params"][payload]).to_owned());
        }
    }
    let operation: &'static sagewright_model::Operation = operation;
    answer(suite, test, &protocol::write(suite.service, suite.wire, operation, out, request_id(test)))
}

fn request_id(test: &Test) -> &str {
    test.case["headers"]["X-Amzn-Requestid"].as_str().unwrap_or("id")
}

fn error(suite: &Suite, test: &Test) -> Result<(), String> {
    let shape = suite.service.shape(&test.of).ok_or("no such shape")?;
    let info = shape.error.as_ref().ok_or("no error")?;
    let status = info.http_status_code.unwrap_or(400);
    let mut members = match output(suite.service, shape, &test.case["params"]) {
        Value::Object(members) => members,
        _ => Map::new(),
    };
    let message = ["message", "Message"].iter().find_map(|name| members.remove(*name));
    let code = info.code.as_deref().unwrap_or(&test.of).to_owned();
    let mut error = ApiError::new(code, status, message.as_ref().map(text).unwrap_or_default());
    error.members = members;
    answer(suite, test, &protocol::write_error(Some(suite.service), suite.wire, &error, request_id(test)))
}

fn answer(suite: &Suite, test: &Test, response: &Response<Bytes>) -> Result<(), String> {
    let case = &test.case;
    if case["code"].as_u64().is_some_and(|code| code != u64::from(response.status().as_u16())) {
        return Err(format!("status {}", response.status()));
    }
    headers(case, response)?;
    let Some(expected) = case["body"].as_str() else { return Ok(()) };
    if suite.wire == Wire::RpcV2Cbor && !expected.is_empty() {
        let tree = |body: &[u8]| cbor::tree(body).map(|v| without_namespace(number(&v))).map_err(|e| e.to_string());
        let (body, expected) = (tree(response.body())?, tree(&self::body(suite.wire, case))?);
        return if body == expected { Ok(()) } else { Err(format!("body {body}, expected {expected}")) };
    }
    let body = String::from_utf8_lossy(response.body());
    let told = || format!("body {body}, expected {expected}");
    let same = match text(&case["bodyMediaType"]) {
        "application/xml" => xml::tree(&body)? == xml::tree(expected)?,
        "application/json" if !expected.is_empty() => {
            let parse = |body: &str| serde_json::from_str(body).map(|value| without_namespace(number(&value)));
            let (body, expected) =
                (parse(&body).map_err(|e| e.to_string())?, parse(expected).map_err(|e| e.to_string())?);
            body == expected
        }
        _ => body == expected,
    };
    if same { Ok(()) } else { Err(told()) }
}

/// Clients take an error's type with or without a namespace; and every error of ours has a message.
fn without_namespace(mut body: Value) -> Value {
    if let Some(body) = body.as_object_mut()
        && body.get("message").is_some_and(|message| message == "")
    {
        body.remove("message");
    }
    if let Some(kind) = body.get("__type").and_then(Value::as_str) {
        body["__type"] = local(kind).to_owned().into();
    }
    body
}

fn headers(case: &Value, response: &Response<Bytes>) -> Result<(), String> {
    let given = |name: &str| {
        let values: Vec<_> =
            response.headers().get_all(name).iter().map(|v| String::from_utf8_lossy(v.as_bytes())).collect();
        let length = || (name.eq_ignore_ascii_case("content-length")).then(|| response.body().len().to_string());
        if values.is_empty() { length() } else { Some(values.join(", ")) }
    };
    for (name, value) in case["headers"].as_object().into_iter().flatten() {
        let given = given(name);
        if given.as_deref() != value.as_str() {
            return Err(format!("header {name}: {given:?}, expected {value}"));
        }
    }
    for name in case["forbidHeaders"].as_array().into_iter().flatten().map(text) {
        if given(name).is_some() {
            return Err(format!("header {name} is there"));
        }
    }
    Ok(())
}

fn malformed(suite: &Suite, test: &Test) -> Result<(), String> {
    let error = match read(suite, &test.of, &test.case["request"]) {
        Ok(read) => return Err(format!("is taken, as {}", read.input)),
        Err(error) => error,
    };
    let response = protocol::write_error(Some(suite.service), suite.wire, &error, "id");
    let expected = &test.case["response"];
    if expected["code"].as_u64().is_some_and(|code| code != u64::from(response.status().as_u16())) {
        return Err(format!("status {} ({error})", response.status()));
    }
    headers(expected, &response).map_err(|why| format!("{why} ({error})"))
}
