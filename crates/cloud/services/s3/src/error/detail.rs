//! What an error document says beside code and message: `Condition`, `ArgumentName`, `UploadId`, …
//!
//! An [`S3Error`] has no place for such members, so they travel in a header that never leaves the process.

use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::S3Error;

use super::super::request::percent_decode;

const DETAIL: HeaderName = HeaderName::from_static("x-sagewright-error-detail");

/// Adds members to an error's document.
pub(crate) trait Detail {
    /// Adds a member, after those that are there.
    fn detail(self, name: &'static str, value: impl ToString) -> Self;
}

impl Detail for S3Error {
    fn detail(mut self, name: &'static str, value: impl ToString) -> Self {
        let mut headers = self.headers().cloned().unwrap_or_default();
        let text = format!("{name}={}", utf8_percent_encode(&value.to_string(), NON_ALPHANUMERIC));
        if let Ok(text) = HeaderValue::from_str(&text) {
            headers.append(DETAIL, text);
        }
        self.set_headers(headers);
        self
    }
}

/// Takes the members out of an answer's headers.
pub(crate) fn take_details(headers: &mut HeaderMap) -> Vec<(String, String)> {
    let details = headers.get_all(DETAIL).iter().filter_map(|text| {
        let (name, value) = text.to_str().ok()?.split_once('=')?;
        Some((name.to_owned(), percent_decode(value)))
    });
    let details = details.collect();
    headers.remove(DETAIL);
    details
}
