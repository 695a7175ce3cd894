//! Requests to S3 and answers of it as the service model has them; S3 itself is served by another codec.

use bytes::Bytes;
use http::HeaderMap;
use http::request::Parts;
use sagewright_model::{Operation, Service, ShapeRef, ShapeType};
use serde_json::{Map, Value};

use crate::protocol::{self, Wire};

/// A request that has been read.
pub(super) struct Read {
    pub(super) operation: &'static Operation,
    pub(super) input: Value,
}

/// Whether the request's body is the content of an object.
pub(super) fn takes_content(service: &Service, operation: &Operation) -> bool {
    is_content(service, operation.input.as_ref())
}

/// Whether the answer's body is the content of an object.
pub(super) fn gives_content(service: &Service, operation: &Operation) -> bool {
    is_content(service, operation.output.as_ref())
}

fn is_content(service: &Service, side: Option<&ShapeRef>) -> bool {
    let shape = side.and_then(|side| service.shape(&side.shape));
    let payload = shape.and_then(|s| service.target(s.members.get(s.payload.as_deref()?)?));
    payload.is_some_and(|target| target.kind == ShapeType::Blob)
}

/// Reads a request; `None` for those that the model does not have, as form uploads. Of a body that is no document of XML only
/// the rest of the request is read.
pub(super) fn read(service: &'static Service, parts: &Parts, body: Option<&[u8]>) -> Option<Read> {
    let mut parts = parts.clone();
    let path = path_style(&parts);
    let query = parts.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    parts.uri = format!("{path}{query}").parse().ok()?;
    let content = takes_content(service, protocol::named(service, &parts)?);
    let body = if content { Bytes::new() } else { Bytes::copy_from_slice(body?) };
    let read = protocol::read(service, Wire::RestXml, &parts, body).ok()?;
    Some(Read { operation: read.operation, input: read.input })
}

/// An input without what the wire added: chunks, and the length that the body has with them.
pub(super) fn as_meant(mut input: Value) -> Value {
    let Some(members) = input.as_object_mut() else { return input };
    members.remove("ContentLength");
    if let Some(Value::String(encoding)) = members.get_mut("ContentEncoding") {
        let kept: Vec<&str> = encoding.split(',').map(str::trim).filter(|e| *e != "aws-chunked").collect();
        *encoding = kept.join(",");
    }
    members
        .retain(|_, value| !value.as_str().is_some_and(str::is_empty) && !value.as_object().is_some_and(Map::is_empty));
    input
}

/// The path with the bucket in it, which may be in the host's name.
fn path_style(parts: &Parts) -> String {
    let host = parts.headers.get("host").and_then(|h| h.to_str().ok()).or(parts.uri.host()).unwrap_or_default();
    let path = parts.uri.path();
    match host.split_once(".s3.").or_else(|| host.split_once(".s3-")) {
        Some((bucket, _)) => format!("/{bucket}{path}"),
        None => path.to_owned(),
    }
}

/// Reads an answer.
pub(super) fn output(
    service: &'static Service,
    operation: &'static Operation,
    headers: &HeaderMap,
    body: &[u8],
) -> Value {
    protocol::read_answer(service, operation, headers, body)
}

/// The code in the document of an error.
pub(super) fn code(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    let (code, _) = text.split_once("<Code>")?.1.split_once("</Code>")?;
    (code.len() <= 80).then(|| code.to_owned())
}

/// The bytes in a body that comes in chunks with a signature or checksums after them (`aws-chunked`).
pub(super) fn unchunked(mut body: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(body.len());
    loop {
        let end = body.windows(2).position(|w| w == b"\r\n")?;
        let line = std::str::from_utf8(&body[..end]).ok()?;
        let length = usize::from_str_radix(line.split(';').next()?.trim(), 16).ok()?;
        body = &body[end + 2..];
        if length == 0 {
            return Some(out);
        }
        out.extend_from_slice(body.get(..length)?);
        body = body.get(length..)?.strip_prefix(b"\r\n")?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_joined() {
        let body = b"3;chunk-signature=0\r\nabc\r\nA\r\n0123456789\r\n0\r\nx-amz-checksum-crc32:AAAA\r\n\r\n";
        assert_eq!(unchunked(body).unwrap(), b"abc0123456789");
        for wrong in [&b""[..], b"abc", b"ffffffffffffffff\r\n", b"3\r\nab", b"3\r\nabcd\r\n", b"\xff\r\n"] {
            assert_eq!(unchunked(wrong), None);
        }
    }

    #[test]
    fn requests_and_answers_are_read_by_the_model() {
        let service = sagewright_model::service("s3").unwrap();
        let parts = |method: &str, host: &str, uri: &str| {
            let request = http::Request::builder().method(method).uri(uri).header("host", host);
            request.header("x-amz-meta-a", "b").body(()).unwrap().into_parts().0
        };
        for (method, host, uri, operation, key) in [
            ("PUT", "127.0.0.1:4599", "/b/k/l?x-id=PutObject", "PutObject", Some("k/l")),
            ("PUT", "b.s3.us-east-1.amazonaws.com", "/k%20l", "PutObject", Some("k l")),
            ("GET", "localhost", "/b?list-type=2&prefix=p", "ListObjectsV2", None),
            ("POST", "localhost", "/b/k?uploads", "CreateMultipartUpload", Some("k")),
            ("PUT", "localhost", "/b/k?partNumber=1&uploadId=u", "UploadPart", Some("k")),
            ("GET", "localhost", "/b/k?uploadId=u", "ListParts", Some("k")),
            ("GET", "localhost", "/b/k?versionId=u", "GetObject", Some("k")),
            ("DELETE", "localhost", "/b/k", "DeleteObject", Some("k")),
            ("GET", "localhost", "/b/k?tagging", "GetObjectTagging", Some("k")),
            ("GET", "localhost", "/", "ListBuckets", None),
        ] {
            let read = read(service, &parts(method, host, uri), Some(b"")).unwrap_or_else(|| panic!("{method} {uri}"));
            assert_eq!(read.operation.name, operation, "{method} {uri}");
            assert_eq!(read.input["Key"].as_str(), key, "{method} {uri}");
        }
        let operation = service.operation("ListObjectsV2").unwrap();
        let body = b"<ListBucketResult><Name>b</Name><KeyCount>1</KeyCount><Contents><Key>k</Key></Contents></ListBucketResult>";
        let mut headers = HeaderMap::new();
        headers.insert("x-amz-request-charged", "requester".parse().unwrap());
        let output = output(service, operation, &headers, body);
        let expected = serde_json::json!({
            "Name": "b", "KeyCount": 1, "Contents": [{"Key": "k"}], "RequestCharged": "requester",
        });
        assert_eq!(output, expected);
    }
}
