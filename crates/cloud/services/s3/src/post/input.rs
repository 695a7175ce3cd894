//! A form as a PutObject.

use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::dto::{PutObjectInput, StreamingBlob, Tagging, Timestamp, TimestampFormat};
use s3s::xml::{Deserialize as _, Deserializer};
use s3s::{S3Error, S3ErrorCode, S3Result};

use super::super::error::{not_implemented, plain, wrong_argument};
use super::super::request::{check_tags, tag_pairs};
use super::fields::Form;
use super::file::FileStream;

/// The fields that are headers of a PutObject.
pub(crate) fn headers(form: &Form) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in form.iter().filter(|(name, _)| name.starts_with("x-amz-")) {
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value)) {
            headers.insert(name, value);
        }
    }
    headers
}

/// The upload that a form asks for.
pub(crate) fn put(form: &Form, bucket: String, key: String, file: FileStream) -> S3Result<PutObjectInput> {
    const REFUSED: [&str; 2] = ["x-amz-object-lock-", "x-amz-server-side-encryption-customer-"];
    if let Some((name, _)) = form.iter().find(|(name, _)| REFUSED.iter().any(|refused| name.starts_with(refused))) {
        return Err(not_implemented(format!(
            "The form field {name} is not supported by the embedded cloud: leave it out."
        )));
    }
    let text = |name: &str| form.get(name).filter(|value| !value.is_empty()).map(str::to_owned);
    let metadata =
        form.iter().filter_map(|(name, value)| Some((name.strip_prefix("x-amz-meta-")?.to_owned(), value.to_owned())));
    Ok(PutObjectInput {
        acl: text("acl").map(Into::into),
        body: Some(StreamingBlob::new(file)),
        bucket,
        cache_control: text("cache-control"),
        checksum_algorithm: text("x-amz-checksum-algorithm").map(Into::into),
        checksum_crc32: text("x-amz-checksum-crc32"),
        checksum_crc32c: text("x-amz-checksum-crc32c"),
        checksum_crc64nvme: text("x-amz-checksum-crc64nvme"),
        checksum_sha1: text("x-amz-checksum-sha1"),
        checksum_sha256: text("x-amz-checksum-sha256"),
        content_disposition: text("content-disposition"),
        content_encoding: text("content-encoding"),
        content_language: text("content-language"),
        content_md5: text("content-md5"),
        content_type: text("content-type"),
        expires: text("expires").map(|expires| date(&expires)).transpose()?,
        key,
        metadata: Some(metadata.collect()),
        server_side_encryption: text("x-amz-server-side-encryption").map(Into::into),
        ssekms_key_id: text("x-amz-server-side-encryption-aws-kms-key-id"),
        storage_class: text("x-amz-storage-class").map(Into::into),
        tagging: text("tagging").map(|document| tagging(&document)).transpose()?,
        website_redirect_location: text("x-amz-website-redirect-location"),
        ..PutObjectInput::default()
    })
}

fn date(text: &str) -> S3Result<Timestamp> {
    Timestamp::parse(TimestampFormat::HttpDate, text)
        .map_err(|_| wrong_argument("The date of the field is not an HTTP date.", "Expires", text))
}

/// The tags of a document, in the form of the header.
fn tagging(document: &str) -> S3Result<String> {
    let malformed = |_| -> S3Error { plain(S3ErrorCode::MalformedXML) };
    let mut deserializer = Deserializer::new(document.as_bytes());
    let tagging = Tagging::deserialize(&mut deserializer).map_err(malformed)?;
    deserializer.expect_eof().map_err(malformed)?;
    let tags = check_tags(tag_pairs(tagging.tag_set))?;
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let pairs: Vec<String> = tags.iter().map(|(key, value)| format!("{}={}", encode(key), encode(value))).collect();
    Ok(pairs.join("&"))
}
