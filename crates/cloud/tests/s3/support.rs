//! What these tests share.

use bytes::Bytes;
use http::Method;
use http_body_util::Full;

pub(crate) use crate::s3_support::{ACCOUNT, Answer, Server, Signed};

/// A server with the bucket `data`.
pub(crate) async fn server() -> Server {
    let server = Server::start().await;
    server.store.create_bucket(ACCOUNT, "data", "us-east-1").unwrap();
    server
}

pub(crate) fn post(target: &str, body: impl Into<Vec<u8>>) -> Signed {
    Signed::with_body(Method::POST, target, body)
}

/// A request without a signature of its own.
pub(crate) fn unsigned(
    server: &Server,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> http::Request<Full<Bytes>> {
    let mut request = http::Request::builder().method(method).uri(format!("http://{}{target}", server.address));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Full::from(body.into())).unwrap()
}

/// Holds each case of a table to what is right, and tells of all that are not.
#[derive(Default)]
pub(crate) struct Table(Vec<String>);

impl Table {
    pub(crate) fn row<T: PartialEq + std::fmt::Debug>(&mut self, case: impl std::fmt::Display, seen: T, right: T) {
        if seen != right {
            self.0.push(format!("{case}: seen {seen:?}, right is {right:?}"));
        }
    }

    #[track_caller]
    pub(crate) fn check(self) {
        assert!(self.0.is_empty(), "{}", self.0.join("\n"));
    }
}

/// Status and error code.
pub(crate) fn verdict(answer: &Answer) -> (u16, String) {
    let code = if answer.status.is_success() { String::new() } else { answer.code() };
    (answer.status.as_u16(), code)
}
