//! How a request says that it is signed, held against what AWS takes, before the signature itself is checked.
//!
//! Source: "Authenticating Requests (AWS Signature Version 4)", Amazon S3 API Reference.

use http::header::{AUTHORIZATION, DATE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use s3s::{S3Error, S3ErrorCode, S3Result};

use super::error::{custom, not_implemented, wrong_argument};
use super::request::{pairs, percent_decode};

const X_AMZ_DATE: HeaderName = HeaderName::from_static("x-amz-date");

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const ASYMMETRIC: &str = "AWS4-ECDSA-P256-SHA256";

/// What a presigned query of signature version 4 has to have.
const QUERY_V4: [&str; 6] =
    ["X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "X-Amz-Date", "X-Amz-SignedHeaders", "X-Amz-Expires"];

/// The parameters of a presigned query of signature version 2.
const QUERY_V2: [&str; 3] = ["AWSAccessKeyId", "Expires", "Signature"];

/// The longest time that a presigned URL is good for, in seconds.
const WEEK: i64 = 604_800;

/// Whether a parameter belongs to the signature of a presigned query, or says who signed it.
pub(crate) fn is_of_signature(name: &str) -> bool {
    QUERY_V4.contains(&name)
        || QUERY_V2.contains(&name)
        || ["x-amz-security-token", "x-amz-content-sha256"].iter().any(|other| name.eq_ignore_ascii_case(other))
}

/// Whether the query carries a signature, of either version.
pub(crate) fn is_presigned(query: Option<&str>) -> bool {
    pairs(query).any(|(name, _)| name == "X-Amz-Signature" || name == "Signature")
}

/// Refuses what AWS refuses, and gives the signature check the date that it looks for.
pub(crate) fn prepare(query: Option<&str>, headers: &mut HeaderMap) -> S3Result<()> {
    let in_query =
        pairs(query).any(|(name, _)| matches!(name, "X-Amz-Algorithm" | "X-Amz-Signature" | "X-Amz-Credential"));
    let in_old_query = pairs(query).any(|(name, _)| name == "Signature");
    let header = headers.get(AUTHORIZATION).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let mechanisms = usize::from(in_query) + usize::from(in_old_query) + usize::from(header.is_some());
    if mechanisms > 1 {
        return Err(wrong_argument(
            "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified",
            "Authorization",
            header.as_deref().map_or("", without_signature),
        ));
    }
    if in_query {
        return check_query(query);
    }
    match header.as_deref().map(|header| (header, header.split(' ').next().unwrap_or(header))) {
        None | Some((_, "AWS")) => Ok(()),
        Some((_, ALGORITHM)) => give_date(headers),
        Some((_, ASYMMETRIC)) => Err(asymmetric()),
        Some((header, _)) => {
            Err(wrong_argument("Unsupported Authorization Type", "Authorization", without_signature(header)))
        }
    }
}

/// An error repeats what was wrong, but never what proves who asked.
fn without_signature(header: &str) -> &str {
    header.split([' ', ',', '=']).next().unwrap_or_default()
}

fn asymmetric() -> S3Error {
    not_implemented(format!(
        "Signatures by {ASYMMETRIC} (signature version 4A) are not supported by the embedded cloud: sign with {ALGORITHM}."
    ))
}

fn check_query(query: Option<&str>) -> S3Result<()> {
    let value = |name: &str| pairs(query).find(|(other, _)| *other == name).map(|(_, value)| percent_decode(value));
    if QUERY_V4.iter().any(|name| value(name).is_none_or(|value| value.is_empty())) {
        return Err(query_error(
            "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.",
        ));
    }
    match value("X-Amz-Algorithm").as_deref() {
        Some(ALGORITHM) => {}
        Some(ASYMMETRIC) => return Err(asymmetric()),
        _ => {
            return Err(query_error("X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256 and AWS4-ECDSA-P256-SHA256\""));
        }
    }
    let credential = value("X-Amz-Credential").unwrap_or_default();
    let scope: Vec<&str> = credential.split('/').collect();
    if scope.len() != 5 || scope.contains(&"") || scope.last() != Some(&"aws4_request") {
        return Err(query_error(
            "Error parsing the X-Amz-Credential parameter; the Credential is mal-formed; expecting \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".",
        ));
    }
    if !value("X-Amz-Date").is_some_and(|date| is_long_date(&date)) {
        return Err(query_error("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\""));
    }
    let expires = value("X-Amz-Expires").unwrap_or_default();
    let digits = expires.strip_prefix('-').unwrap_or(&expires);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(query_error("X-Amz-Expires should be a number"));
    }
    if expires.starts_with('-') && digits.bytes().any(|byte| byte != b'0') {
        return Err(query_error("X-Amz-Expires must be non-negative"));
    }
    // What does not fit is beyond a week as well.
    if digits.parse::<i64>().is_ok_and(|seconds| seconds <= WEEK) {
        return Ok(());
    }
    Err(query_error(
        "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds",
    ))
}

fn query_error(message: &str) -> S3Error {
    custom("AuthorizationQueryParametersError", StatusCode::BAD_REQUEST, message)
}

/// Whether the text is of the form `20300102T030405Z`.
fn is_long_date(text: &str) -> bool {
    let digits = |range: std::ops::Range<usize>| {
        text.get(range).is_some_and(|part| part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    text.len() == 16 && digits(0..8) && text.get(8..9) == Some("T") && digits(9..15) && text.ends_with('Z')
}

/// A request may be dated by `Date` alone; the signature check looks for `X-Amz-Date`.
fn give_date(headers: &mut HeaderMap) -> S3Result<()> {
    if headers.contains_key(X_AMZ_DATE) {
        return Ok(());
    }
    let date = headers.get(DATE).and_then(|date| date.to_str().ok()).and_then(long_date);
    match date.and_then(|date| HeaderValue::from_str(&date).ok()) {
        Some(date) => {
            headers.insert(X_AMZ_DATE, date);
            Ok(())
        }
        None => Err(S3Error::with_message(
            S3ErrorCode::AccessDenied,
            "AWS authentication requires a valid Date or x-amz-date header",
        )),
    }
}

/// The date of an HTTP date or of a date in ISO 8601, in the form of `X-Amz-Date`.
fn long_date(date: &str) -> Option<String> {
    if is_long_date(date) {
        return Some(date.to_owned());
    }
    let time = match jiff::fmt::rfc2822::parse(date) {
        Ok(time) => time.timestamp(),
        Err(_) => date.parse::<jiff::Timestamp>().ok()?,
    };
    Some(time.strftime("%Y%m%dT%H%M%SZ").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_in_every_form() {
        for date in ["20300102T030405Z", "Wed, 02 Jan 2030 03:04:05 GMT", "2030-01-02T03:04:05Z"] {
            assert_eq!(long_date(date).as_deref(), Some("20300102T030405Z"), "{date}");
        }
        for date in ["", "yesterday", "2030010T0304055Z", "20300102T03040é"] {
            assert_eq!(long_date(date), None, "{date}");
        }
    }
}
