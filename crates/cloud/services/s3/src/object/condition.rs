//! Conditions of reads and writes.

use http::header::{ETAG, LAST_MODIFIED};
use http::{HeaderMap, HeaderValue};
use s3s::dto::{ETagCondition, Timestamp, TimestampFormat};
use s3s::{S3Error, S3ErrorCode, S3Result};

use super::super::error::not_implemented;
use super::super::request::{names_etag, seconds, wire_time};
use super::super::store::{ObjectRow, StoreError, WriteCondition};

/// The four headers of a conditional read.
pub(crate) struct ReadConditions<'a> {
    pub(crate) matches: Option<&'a ETagCondition>,
    pub(crate) none_match: Option<&'a ETagCondition>,
    pub(crate) modified_since: Option<&'a Timestamp>,
    pub(crate) unmodified_since: Option<&'a Timestamp>,
    /// The time of the read.
    pub(crate) now: jiff::Timestamp,
}

/// What the conditions say of an object.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Read,
    NotModified(&'static str),
    Failed(&'static str),
}

impl ReadConditions<'_> {
    /// An ETag condition outweighs the time condition of its kind (RFC 9110, section 13.2.2).
    pub(crate) fn judge(&self, object: &ObjectRow) -> Verdict {
        let modified = object.modified.as_second();
        match (self.matches, self.unmodified_since.and_then(seconds)) {
            (Some(condition), _) if !names_etag(condition, &object.etag) => {
                return Verdict::Failed("If-Match");
            }
            (None, Some(since)) if modified > since => {
                return Verdict::Failed("If-Unmodified-Since");
            }
            _ => {}
        }
        // A date in the future is no condition (RFC 9110, section 13.1.3).
        let modified_since = self.modified_since.and_then(seconds).filter(|since| *since <= self.now.as_second());
        match (self.none_match, modified_since) {
            (Some(condition), _) if names_etag(condition, &object.etag) => Verdict::NotModified("If-None-Match"),
            (None, Some(since)) if modified <= since => Verdict::NotModified("If-Modified-Since"),
            _ => Verdict::Read,
        }
    }

    /// Refuses a read whose conditions do not hold, as GetObject and HeadObject do.
    pub(crate) fn check(&self, object: &ObjectRow) -> S3Result<()> {
        match self.judge(object) {
            Verdict::Read => Ok(()),
            Verdict::NotModified(_) => {
                let mut error = S3Error::new(S3ErrorCode::NotModified);
                error.set_headers(validators(object));
                Err(error)
            }
            Verdict::Failed(condition) => Err(StoreError::PreconditionFailed { condition }.into()),
        }
    }
}

/// The headers that a 304 repeats.
fn validators(object: &ObjectRow) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Ok(etag) = HeaderValue::from_str(&format!("\"{}\"", object.etag)) {
        headers.insert(ETAG, etag);
    }
    let mut modified = Vec::new();
    if wire_time(object.modified).format(TimestampFormat::HttpDate, &mut modified).is_ok()
        && let Ok(modified) = HeaderValue::from_bytes(&modified)
    {
        headers.insert(LAST_MODIFIED, modified);
    }
    headers
}

/// The condition of a write.
pub(crate) fn write_condition(
    matches: Option<&ETagCondition>,
    none_match: Option<&ETagCondition>,
) -> S3Result<WriteCondition> {
    match (matches, none_match) {
        (None, None) => Ok(WriteCondition::None),
        (None, Some(ETagCondition::Any)) => Ok(WriteCondition::Absent),
        (Some(ETagCondition::Any), None) => Ok(WriteCondition::Matches("*".to_owned())),
        (Some(ETagCondition::ETag(etag)), None) => Ok(WriteCondition::Matches(etag.value().to_owned())),
        (None, Some(ETagCondition::ETag(_))) | (Some(_), Some(_)) => Err(not_implemented(
            "A header you provided implies functionality that is not implemented: writes take either If-Match or If-None-Match: *",
        )),
    }
}
