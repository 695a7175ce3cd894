//! What operations share in reading a request and answering it.

use http::{HeaderValue, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use s3s::dto::{ETag, ETagCondition, Timestamp};
use s3s::{S3Error, S3ErrorCode, S3Request, S3Response, S3Result, TrailingHeaders};
use sha2::{Digest as _, Sha256};

use super::access::Authenticated;
use super::authorize::Subject;
use super::error::{Detail as _, custom, not_implemented, plain, wrong_argument};
use super::store::{BucketRow, Store, StoreError, Tags};

/// Runs file and database work where it may block.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> S3Result<T> + Send + 'static) -> S3Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(S3Error::internal_error(error)),
    }
}

/// The trailers of a body, which the signature check hands over.
pub(crate) fn trailers(extensions: &http::Extensions) -> Option<TrailingHeaders> {
    extensions.get::<TrailingHeaders>().cloned()
}

/// An answer with a header that its type has no field for.
pub(crate) fn answer_with<T>(output: T, name: &'static str, value: &str) -> S3Response<T> {
    let mut answer = S3Response::new(output);
    if let Ok(value) = HeaderValue::from_str(value) {
        answer.headers.insert(name, value);
    }
    answer
}

/// The identity that signed the request.
pub(crate) fn subject<T>(request: &S3Request<T>) -> S3Result<Subject> {
    let Some(Authenticated(caller)) = request.extensions.get::<Authenticated>() else {
        return Err(S3Error::new(S3ErrorCode::AccessDenied));
    };
    Ok(Subject { account: caller.account.clone(), principal_arn: caller.principal_arn.clone() })
}

/// The bucket, when the caller may do `action` on it and its owner is the one that the request expects.
pub(crate) fn bucket(
    store: &Store,
    caller: &Subject,
    name: &str,
    expected_owner: Option<&str>,
    action: &str,
) -> S3Result<BucketRow> {
    let bucket = store.bucket(caller, name, action)?;
    if expected_owner.is_some_and(|expected| expected != bucket.account) {
        return Err(StoreError::AccessDenied {
            principal: caller.principal_arn.clone(),
            action: action.to_owned(),
            bucket: name.to_owned(),
        }
        .into());
    }
    Ok(bucket)
}

/// Buckets have no versions besides `null`, the only one of an object that was never versioned.
pub(crate) fn check_version(version: Option<&str>) -> S3Result<()> {
    /// The length of the ids that S3 gives.
    const LENGTH: usize = 32;
    let plain_bytes = |id: &str| id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    match version {
        None | Some("null") => Ok(()),
        Some(id) if id.len() == LENGTH && plain_bytes(id) => {
            Err(plain(S3ErrorCode::NoSuchVersion).detail("VersionId", id))
        }
        Some(id) => Err(wrong_argument("Invalid version id specified", "versionId", id)),
    }
}

/// Keys that the client keeps to itself cannot be honoured, and must not seem to be.
pub(crate) fn refuse_customer_key(algorithm: Option<&str>) -> S3Result<()> {
    match algorithm {
        None => Ok(()),
        Some(_) => Err(not_implemented(
            "Encryption with customer-provided keys (SSE-C) is not implemented: leave out SSECustomerAlgorithm and SSECustomerKey.",
        )),
    }
}

/// `max-keys` and its like: at most 1000, which is also the default.
pub(crate) fn page_limit(name: &str, value: Option<i32>) -> S3Result<usize> {
    match value {
        None => Ok(1000),
        Some(value) => usize::try_from(value).map(|value| value.min(1000)).map_err(|_| {
            wrong_argument(format!("Argument {name} must be an integer between 0 and 2147483647"), name, value)
        }),
    }
}

/// A count for a field of the answer.
pub(crate) fn count(value: usize) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

/// A size for a field of the answer.
pub(crate) fn size(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A time as S3 shows it everywhere: in whole seconds.
pub(crate) fn wire_time(time: jiff::Timestamp) -> Timestamp {
    let seconds = jiff::Timestamp::from_second(time.as_second()).unwrap_or(time);
    Timestamp::from(std::time::SystemTime::from(seconds))
}

/// The seconds since 1970 of a time in a request.
pub(crate) fn seconds(time: &Timestamp) -> Option<i64> {
    let mut text = Vec::new();
    time.format(s3s::dto::TimestampFormat::DateTime, &mut text).ok()?;
    let text = String::from_utf8(text).ok()?;
    text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_second)
}

pub(crate) fn wire_etag(etag: &str) -> ETag {
    ETag::Strong(etag.to_owned())
}

/// Whether `condition` names `etag`; a header may list several.
pub(crate) fn names_etag(condition: &ETagCondition, etag: &str) -> bool {
    match condition {
        ETagCondition::Any => true,
        ETagCondition::ETag(wanted) => {
            wanted.value().split(',').any(|one| one.trim().trim_start_matches("W/").trim_matches('"') == etag)
        }
    }
}

/// The canonical user id of an account: 64 hexadecimal digits, always the same.
pub(crate) fn canonical_id(account: &str) -> String {
    hex::encode(Sha256::digest(format!("canonical-user:{account}")))
}

/// What stays as it is under `encoding-type=url`.
const LISTED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'*').remove(b'/');

/// A key or prefix as a listing shows it.
pub(crate) fn encode_listed(text: &str, url: bool) -> String {
    if url { utf8_percent_encode(text, LISTED).to_string() } else { text.to_owned() }
}

pub(crate) fn percent_decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// The parameters of a query, not decoded.
pub(crate) fn pairs(query: Option<&str>) -> impl Iterator<Item = (&str, &str)> {
    let parameters = query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    parameters.map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

/// Reads `x-amz-tagging`: `key=value&…`, encoded as a query.
pub(crate) fn parse_tagging_header(header: Option<&str>) -> S3Result<Tags> {
    let header = header.unwrap_or_default();
    let decode = |text: &str| percent_decode(&text.replace('+', " "));
    let tags: Tags = pairs(Some(header)).map(|(key, value)| (decode(key), decode(value))).collect();
    let unreadable = tags.iter().enumerate().any(|(index, (key, value))| {
        !is_tag_text(key) || !is_tag_text(value) || tags.iter().take(index).any(|(other, _)| other == key)
    });
    if unreadable {
        return Err(wrong_argument(
            "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.",
            "x-amz-tagging",
            header,
        ));
    }
    check_tags(tags)
}

/// Tags of a document as pairs.
pub(crate) fn tag_pairs(tags: Vec<s3s::dto::Tag>) -> Tags {
    tags.into_iter().map(|tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default())).collect()
}

/// Whether a tag's key or value has none but the characters of tags.
///
/// Source: "Categorizing your objects using tags", Amazon S3 User Guide.
fn is_tag_text(text: &str) -> bool {
    text.chars()
        .all(|character| character.is_alphanumeric() || character.is_whitespace() || "+-=._:/@".contains(character))
}

/// The limits of object tags.
pub(crate) fn check_tags(tags: Tags) -> S3Result<Tags> {
    let invalid = |message: &'static str, key: &str| {
        Err(S3Error::with_message(S3ErrorCode::InvalidTag, message).detail("TagKey", key))
    };
    if tags.len() > 10 {
        return Err(custom("BadRequest", StatusCode::BAD_REQUEST, "Object tags cannot be greater than 10"));
    }
    for (index, (key, value)) in tags.iter().enumerate() {
        if tags.iter().take(index).any(|(other, _)| other == key) {
            return invalid("Cannot provide multiple Tags with the same key", key);
        }
        if key.starts_with("aws:") {
            return invalid("Your TagKey cannot be prefixed with aws:", key);
        }
        if key.is_empty() || key.chars().count() > 128 || !is_tag_text(key) {
            return invalid("The TagKey you have provided is invalid", key);
        }
        if value.chars().count() > 256 || !is_tag_text(value) {
            return invalid("The TagValue you have provided is invalid", key)
                .map_err(|error| error.detail("TagValue", value));
        }
    }
    Ok(tags)
}
