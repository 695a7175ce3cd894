//! The canonical request.

use http::request::Parts;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::claim::Claim;
use super::key::push_hex;

/// Everything but the unreserved characters of RFC 3986.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
const ENCODED_PATH: &AsciiSet = &ENCODED.remove(b'/');

/// The text whose hash is signed. Paths are encoded a second time, as every service but S3 does it.
pub(super) fn request(parts: &Parts, claim: &Claim<'_>, body_sha256: &[u8; 32]) -> String {
    let mut out = String::with_capacity(512);
    out.push_str(parts.method.as_str());
    out.push('\n');
    path(&mut out, parts.uri.path());
    out.push('\n');
    query(&mut out, parts.uri.query().unwrap_or_default());
    out.push('\n');
    for name in claim.signed_headers.split(';') {
        out.push_str(name);
        out.push(':');
        header(&mut out, parts, name);
        out.push('\n');
    }
    out.push('\n');
    out.push_str(&claim.signed_headers);
    out.push('\n');
    let declared = parts.headers.get("x-amz-content-sha256").map(http::HeaderValue::as_bytes);
    if declared == Some(b"UNSIGNED-PAYLOAD") {
        out.push_str("UNSIGNED-PAYLOAD");
    } else {
        push_hex(&mut out, body_sha256);
    }
    out
}

fn path(out: &mut String, raw: &str) {
    // The usual case, which needs neither normalizing nor encoding.
    if raw == "/" || raw.is_empty() {
        out.push('/');
        return;
    }
    let mut segments: Vec<&str> = Vec::new();
    for segment in raw.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            other => segments.push(other),
        }
    }
    for segment in &segments {
        out.push('/');
        out.extend(utf8_percent_encode(segment, ENCODED_PATH));
    }
    if segments.is_empty() || raw.ends_with('/') {
        out.push('/');
    }
}

fn query(out: &mut String, raw: &str) {
    if raw.is_empty() {
        return;
    }
    let code = |text: &str| {
        let spaced = text.replace('+', " ");
        let bytes: Vec<u8> = percent_decode_str(&spaced).collect();
        percent_encoding::percent_encode(&bytes, ENCODED).to_string()
    };
    let mut pairs: Vec<(String, String)> = raw
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .filter(|(name, _)| *name != "X-Amz-Signature")
        .map(|(name, value)| (code(name), code(value)))
        .collect();
    pairs.sort_unstable();
    for (i, (name, value)) in pairs.iter().enumerate() {
        if i > 0 {
            out.push('&');
        }
        out.push_str(name);
        out.push('=');
        out.push_str(value);
    }
}

/// All values of a header, trimmed, inner runs of spaces as one, `,` between them.
fn header(out: &mut String, parts: &Parts, name: &str) {
    for (i, value) in parts.headers.get_all(name).iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        let text = String::from_utf8_lossy(value.as_bytes());
        let trimmed = text.trim_matches([' ', '\t']);
        if !trimmed.contains("  ") {
            out.push_str(trimmed);
            continue;
        }
        let mut last = '\0';
        for c in trimmed.chars() {
            if !(c == ' ' && last == ' ') {
                out.push(c);
            }
            last = c;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(f: impl Fn(&mut String)) -> String {
        let mut out = String::new();
        f(&mut out);
        out
    }

    #[test]
    fn paths_are_normalized_and_encoded_twice() {
        let cases = [
            ("/", "/"),
            ("", "/"),
            ("/a/b", "/a/b"),
            ("/a/b/", "/a/b/"),
            ("//a//b", "/a/b"),
            ("/a/./b/../c", "/a/c"),
            ("/..", "/"),
            ("/a%20b", "/a%2520b"),
            ("/a~b-c_d.e", "/a~b-c_d.e"),
            ("/endpoints/x/invocations", "/endpoints/x/invocations"),
        ];
        for (raw, expected) in cases {
            assert_eq!(of(|o| path(o, raw)), expected, "{raw}");
        }
    }

    #[test]
    fn queries_are_sorted_and_encoded_once() {
        let cases = [
            ("", ""),
            ("b=2&a=1", "a=1&b=2"),
            ("a=2&a=1", "a=1&a=2"),
            ("flag", "flag="),
            ("a=x%20y", "a=x%20y"),
            ("a=x+y", "a=x%20y"),
            ("a=%2b%2F~", "a=%2B%2F~"),
            ("ab=1&a=2&A=3", "A=3&a=2&ab=1"),
            ("a=1&X-Amz-Signature=00&b=c=d", "a=1&b=c%3Dd"),
        ];
        for (raw, expected) in cases {
            assert_eq!(of(|o| query(o, raw)), expected, "{raw}");
        }
    }

    #[test]
    fn header_values_are_trimmed_and_joined() {
        let request = http::Request::builder()
            .header("x-one", "  a   b  c ")
            .header("x-two", "z")
            .header("x-two", " y ")
            .body(())
            .unwrap();
        let parts = request.into_parts().0;
        assert_eq!(of(|o| header(o, &parts, "x-one")), "a b c");
        assert_eq!(of(|o| header(o, &parts, "x-two")), "z,y");
        assert_eq!(of(|o| header(o, &parts, "x-none")), "");
    }
}
