//! What a verified request is changed into before its operation is parsed: where S3 reads a request differently from
//! the parser of `s3s`. Nothing here may run before the signature is checked, which covers what is changed.

use http::header::{AUTHORIZATION, IF_MATCH, IF_NONE_MATCH, RANGE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};

use super::request::{pairs, percent_decode};
use super::signature::{is_of_signature, is_presigned};

const COPY_SOURCE: HeaderName = HeaderName::from_static("x-amz-copy-source");

/// Takes the signature off a request and puts the rest into the form that the parser reads.
pub(crate) fn rewrite(method: &Method, uri: &Uri, headers: &mut HeaderMap) -> Uri {
    headers.remove(AUTHORIZATION);
    let presigned = is_presigned(uri.query());
    // Version 2 does not cover what the query says beside: a header there must not become one.
    let covered = pairs(uri.query()).any(|(name, _)| name == "X-Amz-Signature");
    let mut query = Vec::new();
    for (name, value) in pairs(uri.query()) {
        // The parser takes an empty marker for a number.
        if (presigned && is_of_signature(name))
            || (covered && hoist(name, value, headers))
            || (name == "part-number-marker" && value.is_empty())
        {
            continue;
        }
        query.push(if value.is_empty() { name.to_owned() } else { format!("{name}={value}") });
    }
    if matches!(*method, Method::GET | Method::HEAD) {
        rewrite_range(headers);
    }
    // A plus is a blank in this header, as in a form.
    if let Some(source) = headers.get(COPY_SOURCE).and_then(|source| source.to_str().ok())
        && source.contains('+')
        && let Ok(source) = HeaderValue::from_str(&source.replace('+', "%20"))
    {
        headers.insert(COPY_SOURCE, source);
    }
    with_query(uri, &query.join("&"))
}

fn with_query(uri: &Uri, query: &str) -> Uri {
    let target = if query.is_empty() { uri.path().to_owned() } else { format!("{}?{query}", uri.path()) };
    // Made of parts of a valid one.
    target.parse().unwrap_or_else(|_| uri.clone())
}

/// A presigned query may carry headers: clients sign them there. Returns whether the parameter is one.
fn hoist(name: &str, value: &str, headers: &mut HeaderMap) -> bool {
    let conditions = [IF_MATCH.as_str(), IF_NONE_MATCH.as_str()];
    let name = name.to_ascii_lowercase();
    if !name.starts_with("x-amz-") && !conditions.contains(&name.as_str()) {
        return false;
    }
    let value = HeaderValue::from_bytes(percent_decode(&value.replace('+', " ")).as_bytes());
    let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), value) else { return false };
    headers.entry(name).or_insert(value);
    true
}

/// S3 ignores a range that it cannot read, or that names several; the parser refuses it.
fn rewrite_range(headers: &mut HeaderMap) {
    let Some(range) = headers.get(RANGE) else { return };
    let read = range.to_str().ok().and_then(read_range);
    headers.remove(RANGE);
    if let Some(range) = read.and_then(|range| HeaderValue::from_str(&range).ok()) {
        headers.insert(RANGE, range);
    }
}

fn read_range(range: &str) -> Option<String> {
    // The parser knows no greater number, and no object has as many bytes.
    const MAX: u64 = i64::MAX as u64;
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse().unwrap_or(MAX).min(MAX))
    };
    let (first, last) = range.trim().strip_prefix("bytes=")?.split_once('-')?;
    match (first, last) {
        // A suffix of no bytes, which nothing satisfies.
        ("", "") => Some("bytes=-0".to_owned()),
        ("", length) => number(length).map(|length| format!("bytes=-{length}")),
        (first, "") => number(first).map(|first| format!("bytes={first}-")),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then(|| format!("bytes={first}-{last}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_cannot_be_read_are_no_ranges() {
        for (range, read) in [
            ("bytes=0-3", Some("bytes=0-3")),
            ("bytes=4-", Some("bytes=4-")),
            ("bytes=-4", Some("bytes=-4")),
            ("bytes=-", Some("bytes=-0")),
            ("bytes=99999999999999999999-", Some("bytes=9223372036854775807-")),
            ("bytes=1-0", None),
            ("bytes=0--1", None),
            ("bytes=0-1,3-4", None),
            ("bytes=+1-2", None),
            ("items=0-1", None),
            ("bytes=", None),
            ("", None),
        ] {
            assert_eq!(read_range(range).as_deref(), read, "{range}");
        }
    }
}
