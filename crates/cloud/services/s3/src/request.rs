//! What operations share in reading a request and answering it.

use http::StatusCode;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use s3s::dto::{ETag, ETagCondition, Timestamp};
use s3s::{S3Error, S3ErrorCode, S3Request, S3Result};
use sha2::{Digest as _, Sha256};

use super::access::Authenticated;
use super::authorize::Subject;
use super::error::{invalid_argument, not_implemented};
use super::store::{BucketRow, Store, StoreError, Tags};

/// Runs file and database work where it may block.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> S3Result<T> + Send + 'static) -> S3Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(S3Error::internal_error(error)),
    }
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
    match version {
        None | Some("null") => Ok(()),
        Some(_) => Err(S3ErrorCode::NoSuchVersion.into()),
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
        Some(value) => usize::try_from(value)
            .map(|value| value.min(1000))
            .map_err(|_| invalid_argument(format!("Argument {name} must be an integer between 0 and 2147483647"))),
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

pub(crate) fn wire_time(time: jiff::Timestamp) -> Timestamp {
    Timestamp::from(std::time::SystemTime::from(time))
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

/// Reads `x-amz-tagging`: `key=value&…`, encoded as a query.
pub(crate) fn parse_tagging_header(header: Option<&str>) -> S3Result<Tags> {
    let decode = |text: &str| percent_decode(&text.replace('+', " "));
    let tags = header
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(key), decode(value))
        })
        .collect();
    check_tags(tags)
}

/// The limits of object tags.
pub(crate) fn check_tags(tags: Tags) -> S3Result<Tags> {
    let invalid = |message| Err(S3Error::with_message(S3ErrorCode::InvalidTag, message));
    if tags.len() > 10 {
        return Err(super::error::custom(
            "BadRequest",
            StatusCode::BAD_REQUEST,
            "Object tags cannot be greater than 10",
        ));
    }
    for (index, (key, value)) in tags.iter().enumerate() {
        if key.is_empty() || key.chars().count() > 128 {
            return invalid("The TagKey you have provided is invalid");
        }
        if value.chars().count() > 256 {
            return invalid("The TagValue you have provided is invalid");
        }
        if tags.iter().take(index).any(|(other, _)| other == key) {
            return invalid("Cannot provide multiple Tags with the same key");
        }
    }
    Ok(tags)
}
