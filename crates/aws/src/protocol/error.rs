//! Errors that services answer with, in each protocol's form.

use std::time::Duration;

use sagewright_model::{Protocol, Service};
use sagewright_port::bounds::has_more;
use sagewright_port::cloud::Class;
use serde_json::Value;

use super::xml::{self, Node};
use super::{Headers, WireResponse};

/// Most values of an answer. The largest page of a log has 40,000; each takes memory many times its own length.
const MOST_VALUES: usize = 500_000;

/// Why an answer could not be read. Never shows any of it: it may hold credentials, or what somebody's container is told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the answer is not readable {form}: {why} ({length} bytes{})", kind.as_deref().map(|k| format!(" of {k}")).unwrap_or_default())]
pub(crate) struct AnswerError {
    form: &'static str,
    why: String,
    length: usize,
    kind: Option<String>,
    too_large: bool,
}

impl AnswerError {
    pub(super) fn new(form: &'static str, why: &dyn std::fmt::Display, body: &[u8]) -> Self {
        Self { form, why: why.to_string(), length: body.len(), kind: None, too_large: false }
    }

    pub(super) fn too_large(form: &'static str, body: &[u8]) -> Self {
        Self { too_large: true, ..Self::new(form, &format!("it has more than {MOST_VALUES} values"), body) }
    }

    /// The same with the content type that the answer says it has.
    pub(super) fn of(self, headers: &Headers) -> Self {
        Self { kind: headers.get("content-type").map(str::to_owned), ..self }
    }

    /// The code of the call's error.
    pub(crate) fn code(&self) -> &'static str {
        if self.too_large { "AnswerTooLarge" } else { "UnreadableAnswer" }
    }
}

/// Whether a body has more values than are read.
pub(super) fn has_too_many(body: &[u8], marks: &[u8]) -> bool {
    has_more(body, marks, MOST_VALUES)
}

/// The first characters of a page for people, as proxies answer with, for a message. What is as long as a key is left out.
fn page(service: &Service, response: &WireResponse) -> Option<String> {
    let text = String::from_utf8_lossy(response.body.get(..600).unwrap_or(&response.body)).into_owned();
    let is_page = match response.headers.get("content-type") {
        Some(kind) => ["text/html", "text/plain"].iter().any(|page| kind.to_ascii_lowercase().starts_with(page)),
        None => text.trim_start().to_ascii_lowercase().starts_with("<html"),
    };
    if !is_page || matches!(service.id, "sts" | "iam") {
        return None;
    }
    let is_key =
        |word: &str| word.len() >= 16 && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=_-".contains(&b));
    let mut shown = String::new();
    for part in text.split_inclusive(|c: char| !(c.is_ascii_alphanumeric() || "+/=_-".contains(c))) {
        let word = part.trim_end_matches(|c: char| !(c.is_ascii_alphanumeric() || "+/=_-".contains(c)));
        if is_key(word) {
            shown.push('…');
            shown.push_str(part.get(word.len()..).unwrap_or_default());
        } else {
            shown.push_str(part);
        }
    }
    let shown = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    Some(shown.chars().take(200).collect())
}

/// What a service said went wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub(crate) struct ServiceError {
    /// AWS's error code.
    pub code: String,
    /// Its message.
    pub message: String,
    /// HTTP status.
    pub status: u16,
    /// Request id.
    pub request_id: Option<String>,
    /// How long the service asks to wait.
    pub retry_after: Option<Duration>,
}

impl ServiceError {
    /// Whether, and how soon, the same request may succeed.
    pub(crate) fn class(&self) -> Class {
        Class::of_answer(&self.code, Some(self.status))
    }
}

/// Whether an answer is an error: by status, or S3's `<Error>` document behind a status of 200.
pub(crate) fn is_error(service: &Service, status: u16, body: &[u8]) -> bool {
    if !(200..300).contains(&status) {
        return true;
    }
    // S3 sends the status before it knows the outcome of CompleteMultipartUpload and CopyObject.
    service.protocol() == Protocol::RestXml && {
        let head = body.get(..200).unwrap_or(body);
        let text = String::from_utf8_lossy(head);
        let text = text.trim_start();
        let text = text.strip_prefix("<?xml").and_then(|t| t.split_once("?>")).map_or(text, |(_, rest)| rest);
        text.trim_start().starts_with("<Error>") || text.trim_start().starts_with("<Error ")
    }
}

/// Reads an error answer.
pub(crate) fn read(service: &Service, response: &WireResponse) -> ServiceError {
    let (code, message, id) = match service.protocol() {
        Protocol::Json | Protocol::RestJson | Protocol::RpcV2Cbor => from_json(response),
        Protocol::Query | Protocol::RestXml => from_xml(&response.body),
    };
    let request_id = request_id(&response.headers).or(id);
    let known = code.is_some();
    let code = code.unwrap_or_else(|| by_status(response.status));
    let mut message = message.filter(|m| !m.is_empty()).unwrap_or_else(|| {
        let status = response.status;
        let shown = page(service, response).filter(|_| !known);
        match (shown, response.body.len()) {
            (Some(text), 1..) => format!("HTTP {status}: {text}"),
            (_, 0) => format!("HTTP {status}, without a message"),
            (_, length) => {
                let kind = response.headers.get("content-type").map(|kind| format!(" of {kind}")).unwrap_or_default();
                format!("HTTP {status}, without a message ({length} bytes{kind})")
            }
        }
    });
    if let Some(region) = response.headers.get("x-amz-bucket-region")
        && matches!(response.status, 301 | 307 | 400)
    {
        message.push_str(&format!(" (the bucket is in region {region})"));
    }
    if let (300..400, Some(location)) = (response.status, response.headers.get("location")) {
        message.push_str(&format!(" (it points to {location})"));
    }
    ServiceError { code, message, status: response.status, request_id, retry_after: retry_after(&response.headers) }
}

/// The request id of an answer.
pub(crate) fn request_id(headers: &Headers) -> Option<String> {
    ["x-amzn-requestid", "x-amz-request-id", "x-amzn-request-id", "x-amz-id-2"]
        .into_iter()
        .find_map(|name| headers.get(name))
        .map(str::to_owned)
}

fn retry_after(headers: &Headers) -> Option<Duration> {
    let millis = headers.get("x-amz-retry-after").and_then(|v| v.trim().parse().ok()).map(Duration::from_millis);
    millis.or_else(|| headers.get("retry-after").and_then(|v| v.trim().parse().ok()).map(Duration::from_secs))
}

type Parts = (Option<String>, Option<String>, Option<String>);

fn from_json(response: &WireResponse) -> Parts {
    let readable = Some(&response.body).filter(|body| !has_too_many(body, b",[{"));
    let body: Value = readable.and_then(|body| serde_json::from_slice(body).ok()).unwrap_or(Value::Null);
    let text = |names: &[&str]| names.iter().find_map(|n| body.get(n).and_then(Value::as_str)).map(str::to_owned);
    let code =
        response.headers.get("x-amzn-errortype").map(str::to_owned).or_else(|| text(&["__type", "code", "Code"]));
    let code = code.map(|c| shape_name(&c)).filter(|c| !c.is_empty());
    (code, text(&["message", "Message", "errorMessage"]), None)
}

/// `aws.protocols#Name:http://…` → `Name`.
fn shape_name(code: &str) -> String {
    let code = code.split(':').next().unwrap_or(code);
    code.rsplit('#').next().unwrap_or(code).trim().to_owned()
}

fn from_xml(body: &[u8]) -> Parts {
    let Ok(root) = xml::parse(body) else { return (None, None, None) };
    let error = if root.name == "Error" { Some(&root) } else { find_error(&root) };
    let text = |node: Option<&Node>, name: &str| {
        node.and_then(|n| n.child_text(name)).map(|t| t.trim().to_owned()).filter(|t| !t.is_empty())
    };
    let id = ["RequestId", "RequestID"].iter().find_map(|name| text(Some(&root), name).or_else(|| text(error, name)));
    (text(error, "Code"), text(error, "Message"), id)
}

fn find_error(root: &Node) -> Option<&Node> {
    root.child("Error").or_else(|| root.child("Errors").and_then(|e| e.child("Error")))
}

/// A code for an answer that carries none, as for HEAD requests.
fn by_status(status: u16) -> String {
    match status {
        301 | 307 => "PermanentRedirect".to_owned(),
        400 => "BadRequest".to_owned(),
        401 => "Unauthorized".to_owned(),
        403 => "Forbidden".to_owned(),
        404 => "NotFound".to_owned(),
        412 => "PreconditionFailed".to_owned(),
        429 => "TooManyRequestsException".to_owned(),
        500 => "InternalFailure".to_owned(),
        503 => "ServiceUnavailable".to_owned(),
        other => format!("Http{other}"),
    }
}
