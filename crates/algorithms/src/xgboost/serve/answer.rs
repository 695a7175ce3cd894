//! What the server answers with.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use serde_json::Value;

/// An answer: status, content type and body.
#[derive(Debug, PartialEq)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) mime: &'static str,
    pub(super) body: Bytes,
}

impl Answer {
    pub(super) fn text(status: StatusCode, text: String) -> Self {
        Self { status, mime: "text/html; charset=utf-8", body: text.into() }
    }

    pub(super) fn empty(status: StatusCode) -> Self {
        Self::text(status, String::new())
    }

    pub(super) fn json(status: StatusCode, value: &Value) -> Self {
        Self { status, mime: "application/json", body: value.to_string().into() }
    }
}

impl From<Answer> for Response<Full<Bytes>> {
    fn from(answer: Answer) -> Self {
        let mut response = Response::new(Full::new(answer.body));
        *response.status_mut() = answer.status;
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(answer.mime));
        response
    }
}
