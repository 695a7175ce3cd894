//! From JSON under AWS's member names to bytes on the wire and back, driven by the service model.

pub(crate) mod error;
mod headers;
mod json;
mod query;
mod rest;
mod scalar;
mod timestamp;
mod xml;
mod xml_read;
mod xml_write;

pub(crate) use error::{AnswerError, ServiceError};
pub(crate) use headers::Headers;

use bytes::Bytes;
use sagewright_model::{Operation, Protocol, Service, Shape};
use serde_json::Value;

/// A request before it knows its host.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct WireRequest {
    /// HTTP method.
    pub method: String,
    /// Percent-encoded path, without the bucket.
    pub path: String,
    /// Percent-encoded query, without the question mark.
    pub query: String,
    /// Headers of the protocol; signing adds its own.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Bytes,
    /// The S3 bucket, which stands in the host name or in front of the path.
    pub bucket: Option<String>,
}

/// An answer whose body has been read.
#[derive(Clone)]
pub(crate) struct WireResponse {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: Headers,
    /// Body.
    pub body: Bytes,
}

impl std::fmt::Debug for WireResponse {
    /// Without the body: the runtime logs outputs at trace level, and those of STS hold secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WireResponse").field("status", &self.status).field("length", &self.body.len()).finish()
    }
}

/// Why input cannot be sent; the text names the member.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct InputError(pub String);

/// Operations whose answer (or input) is an event stream, which a port of one input and one output cannot carry.
const EVENT_STREAMS: &[(&str, &str, &str)] = &[
    ("sagemaker-runtime", "InvokeEndpointWithResponseStream", "call InvokeEndpoint, or InvokeEndpointAsync"),
    ("logs", "StartLiveTail", "poll FilterLogEvents or GetLogEvents"),
    ("logs", "GetLogObject", "call GetLogEvents"),
    ("s3", "SelectObjectContent", "call GetObject and filter what it returns"),
];

/// The operation and its model, or why there is none.
pub(crate) fn operation(service: &'static Service, name: &str) -> Result<&'static Operation, InputError> {
    if let Some((.., instead)) = EVENT_STREAMS.iter().find(|(s, o, _)| *s == service.id && *o == name) {
        return Err(InputError(format!("{name} answers with an event stream, which is not supported: {instead}")));
    }
    if service.protocol() == Protocol::RpcV2Cbor {
        let id = &service.metadata.service_id;
        return Err(InputError(format!(
            "{id} is called by rpc-v2-cbor, which is not supported: use the AWS CLI for it"
        )));
    }
    service.operation(name).ok_or_else(|| {
        let near = nearest(name, service.operations.keys().copied());
        InputError(format!("{} has no operation '{name}'{near}", service.metadata.service_id))
    })
}

/// Lays `input` out as the operation's HTTP request. `token` makes idempotency tokens.
pub(crate) fn encode(
    service: &'static Service,
    operation: &'static Operation,
    input: &Value,
    token: &dyn Fn() -> String,
) -> Result<WireRequest, InputError> {
    let input = with_tokens(service, operation, input, token)?;
    match service.protocol() {
        // Services of the latter are refused before, by `operation`.
        Protocol::Json | Protocol::RpcV2Cbor => json::encode(service, operation, &input),
        Protocol::Query => query::encode(service, operation, &input),
        Protocol::RestJson | Protocol::RestXml => rest::encode(service, operation, &input),
    }
}

/// Reads the operation's output from a successful answer.
pub(crate) fn decode(
    service: &'static Service,
    operation: &'static Operation,
    response: &WireResponse,
) -> Result<Value, AnswerError> {
    let output = match service.protocol() {
        Protocol::Json | Protocol::RpcV2Cbor => json::decode(service, operation, response),
        Protocol::Query => query::decode(service, operation, response),
        Protocol::RestJson | Protocol::RestXml => rest::decode(service, operation, response),
    };
    output.map_err(|error| error.of(&response.headers))
}

/// Text as one segment of a path.
pub(crate) fn escaped(text: &str) -> percent_encoding::PercentEncode<'_> {
    percent_encoding::utf8_percent_encode(text, query::ESCAPED)
}

/// Any form of timestamp as RFC 3339 text.
pub(crate) fn to_rfc3339(text: &str) -> String {
    scalar::plain(&timestamp::from_wire(&Value::from(text)))
}

/// The input's shape.
fn input_shape(service: &'static Service, operation: &'static Operation) -> Option<&'static Shape> {
    service.shape(&operation.input.as_ref()?.shape)
}

/// The output's shape.
fn output_shape(service: &'static Service, operation: &'static Operation) -> Option<&'static Shape> {
    service.shape(&operation.output.as_ref()?.shape)
}

/// Checks that the input is an object of known members and fills absent idempotency tokens.
fn with_tokens(
    service: &'static Service,
    operation: &'static Operation,
    input: &Value,
    token: &dyn Fn() -> String,
) -> Result<Value, InputError> {
    let mut object = match input {
        Value::Null => serde_json::Map::new(),
        Value::Object(object) => object.clone(),
        other => return Err(InputError(format!("the input must be an object, not {}", kind_of(other)))),
    };
    object.retain(|_, value| !value.is_null());
    let Some(shape) = input_shape(service, operation) else {
        return match object.keys().next() {
            Some(name) => Err(InputError(format!("{} takes no input, but '{name}' was given", operation.name))),
            None => Ok(Value::Object(object)),
        };
    };
    for (name, member) in &shape.members {
        if member.idempotency_token && !object.contains_key(*name) {
            object.insert((*name).to_owned(), Value::String(token()));
        }
    }
    for name in object.keys() {
        if !shape.members.contains_key(name.as_str()) {
            return Err(unknown_member(name, "", shape));
        }
    }
    Ok(Value::Object(object))
}

fn unknown_member(name: &str, path: &str, shape: &Shape) -> InputError {
    let near = nearest(name, shape.members.keys().copied());
    let place = if path.is_empty() { String::new() } else { format!(" in {path}") };
    InputError(format!("unknown member '{name}'{place}{near}"))
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// "; did you mean 'X'?" where a name differs only in case or by a short prefix or suffix.
fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> String {
    let lower = name.to_ascii_lowercase();
    let mut best: Option<(usize, &str)> = None;
    for candidate in names {
        let other = candidate.to_ascii_lowercase();
        let related =
            other == lower || other.starts_with(&lower) || lower.starts_with(&other) || other.ends_with(&lower);
        let distance = other.len().abs_diff(lower.len());
        if related && distance <= 8 && best.is_none_or(|(d, n)| (distance, candidate) < (d, n)) {
            best = Some((distance, candidate));
        }
    }
    best.map_or_else(String::new, |(_, candidate)| format!("; did you mean '{candidate}'?"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn everything() -> impl Iterator<Item = (&'static Service, &'static Operation)> {
        let services = sagewright_model::SERVICES.iter().filter_map(|id| sagewright_model::service(id));
        services.flat_map(|s| s.operations.values().map(move |o| (s, o)))
    }

    fn response(status: u16, body: &[u8]) -> WireResponse {
        WireResponse { status, headers: Headers::default(), body: Bytes::copy_from_slice(body) }
    }

    /// The least input with every required scalar of the top level.
    fn least(service: &'static Service, operation: &'static Operation) -> Value {
        let Some(shape) = input_shape(service, operation) else { return json!({}) };
        let labels = shape.members.iter().filter(|(_, m)| m.location.as_deref() == Some("uri"));
        labels.map(|(name, _)| ((*name).to_owned(), json!("x-1"))).collect::<serde_json::Map<_, _>>().into()
    }

    #[test]
    fn every_operation_of_every_service_is_laid_out_and_reads_its_empty_answer() {
        let mut count = 0;
        for (service, operation) in everything() {
            let input = least(service, operation);
            let request = encode(service, operation, &input, &|| "token".to_owned())
                .unwrap_or_else(|e| panic!("{} {}: {e}", service.id, operation.name));
            assert!(request.path.starts_with('/') && !request.path.contains('{'), "{request:?}");
            let query;
            let body: &[u8] = match service.protocol() {
                Protocol::Json | Protocol::RestJson | Protocol::RpcV2Cbor => b"{}",
                Protocol::RestXml => b"<R/>",
                Protocol::Query => {
                    let wrapper = operation.output.as_ref().and_then(|o| o.result_wrapper.as_deref()).unwrap_or("R");
                    query = format!("<R><{wrapper}/></R>");
                    query.as_bytes()
                }
            };
            decode(service, operation, &response(200, body))
                .unwrap_or_else(|e| panic!("{} {}: {e}", service.id, operation.name));
            count += 1;
        }
        assert!(count > 800, "{count}");
    }

    proptest! {
        #[test]
        fn no_answer_makes_the_readers_panic(body in proptest::collection::vec(any::<u8>(), 0..200), xml in "(<[a-zA-Z/&;! ]{0,6}>?){0,12}") {
            for (service, operation) in [("sagemaker", "DescribeModel"), ("iam", "ListRoles"), ("s3", "ListObjectsV2")] {
                let service = sagewright_model::service(service).unwrap();
                let operation = service.operation(operation).unwrap();
                for body in [&body[..], xml.as_bytes()] {
                    let _ = decode(service, operation, &response(200, body));
                    error::read(service, &response(500, body));
                    error::is_error(service, 200, body);
                }
            }
        }
    }
}
