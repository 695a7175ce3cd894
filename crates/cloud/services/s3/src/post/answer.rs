//! What a form upload is answered: nothing, a document, or a redirect.

use http::header::{CONTENT_TYPE, ETAG, HOST, LOCATION};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Response, StatusCode, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use quick_xml::escape::escape;
use s3s::dto::PutObjectOutput;

use super::super::request::percent_decode;
use super::fields::Form;

/// What stays as it is in an address.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

pub(crate) fn answer(
    form: &Form,
    parts: &Parts,
    bucket: &str,
    key: &str,
    stored: &PutObjectOutput,
) -> Response<String> {
    let etag = format!("\"{}\"", stored.e_tag.as_ref().map(s3s::dto::ETag::value).unwrap_or_default());
    let location = location(parts, bucket, key);
    let redirect = form.get("success_action_redirect").or_else(|| form.get("redirect"));
    let redirect = redirect.and_then(|redirect| redirect_to(redirect, bucket, key, &etag));
    let (status, body) = match (&redirect, form.get("success_action_status")) {
        (Some(_), _) => (StatusCode::SEE_OTHER, String::new()),
        (None, Some("200")) => (StatusCode::OK, String::new()),
        (None, Some("201")) => (StatusCode::CREATED, document(&location, bucket, key, &etag)),
        (None, _) => (StatusCode::NO_CONTENT, String::new()),
    };
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    let mut set = |name: HeaderName, value: Option<&str>| {
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
            headers.insert(name, value);
        }
    };
    set(ETAG, Some(&etag));
    set(LOCATION, Some(redirect.as_deref().unwrap_or(&location)));
    set(CONTENT_TYPE, Some("application/xml").filter(|_| status == StatusCode::CREATED));
    for (name, value) in [
        ("x-amz-checksum-crc32", stored.checksum_crc32.as_deref()),
        ("x-amz-checksum-crc32c", stored.checksum_crc32c.as_deref()),
        ("x-amz-checksum-crc64nvme", stored.checksum_crc64nvme.as_deref()),
        ("x-amz-checksum-sha1", stored.checksum_sha1.as_deref()),
        ("x-amz-checksum-sha256", stored.checksum_sha256.as_deref()),
        ("x-amz-checksum-type", stored.checksum_type.as_ref().map(|kind| kind.as_str())),
        ("x-amz-server-side-encryption", stored.server_side_encryption.as_ref().map(|kind| kind.as_str())),
        ("x-amz-server-side-encryption-aws-kms-key-id", stored.ssekms_key_id.as_deref()),
    ] {
        set(HeaderName::from_static(name), value);
    }
    answer
}

/// The absolute address of the object.
fn location(parts: &Parts, bucket: &str, key: &str) -> String {
    let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("s3.amazonaws.com");
    let key = utf8_percent_encode(key, KEPT);
    // The path names the bucket unless the host does.
    match percent_decode(parts.uri.path()).trim_matches('/') {
        "" => format!("http://{host}/{key}"),
        _ => format!("http://{host}/{bucket}/{key}"),
    }
}

/// Where the client is sent; an address that is not absolute is ignored.
fn redirect_to(address: &str, bucket: &str, key: &str, etag: &str) -> Option<String> {
    let parsed: Uri = address.parse().ok()?;
    if !matches!(parsed.scheme_str(), Some("http" | "https")) || parsed.authority().is_none() {
        return None;
    }
    let encode = |text| utf8_percent_encode(text, KEPT).to_string();
    let (address, fragment) = address.split_once('#').map_or((address, ""), |(address, fragment)| (address, fragment));
    let separator = if address.contains('?') { '&' } else { '?' };
    let fragment = if fragment.is_empty() { String::new() } else { format!("#{fragment}") };
    Some(format!("{address}{separator}bucket={}&key={}&etag={}{fragment}", encode(bucket), encode(key), encode(etag)))
}

fn document(location: &str, bucket: &str, key: &str, etag: &str) -> String {
    let (location, bucket, key, etag) = (escape(location), escape(bucket), escape(key), escape(etag));
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<PostResponse><Location>{location}</Location><Bucket>{bucket}</Bucket><Key>{key}</Key><ETag>{etag}</ETag></PostResponse>"
    )
}
