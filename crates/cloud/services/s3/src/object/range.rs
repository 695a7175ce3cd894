//! Which bytes of an object a read is for.

use http::header::CONTENT_RANGE;
use http::{HeaderMap, HeaderValue, StatusCode};
use s3s::dto::Range;
use s3s::{S3Error, S3ErrorCode, S3Result};

use super::super::checksum::Checksums;
use super::super::error::{Detail as _, custom, invalid_request, plain, wrong_argument};
use super::super::store::ObjectRow;

/// A slice of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slice {
    pub(crate) start: u64,
    pub(crate) length: u64,
    /// Whether less than the whole was asked for, though it may turn out to be the whole.
    pub(crate) partial: bool,
    /// The number of parts, when one of them was asked for.
    pub(crate) parts: Option<usize>,
    /// The part that was asked for, from 0.
    part: Option<usize>,
}

impl Slice {
    /// The bytes that `range` or `part` names, or all.
    pub(crate) fn of(object: &ObjectRow, range: Option<&Range>, part: Option<i32>) -> S3Result<Self> {
        match (range, part) {
            (Some(_), Some(_)) => {
                Err(invalid_request("Cannot specify both Range header and partNumber query parameter"))
            }
            (Some(range), None) => {
                let bytes = range.check(object.size).ok().filter(|bytes| !bytes.is_empty());
                let bytes = bytes.ok_or_else(|| unsatisfiable(range, object.size))?;
                let length = bytes.end - bytes.start;
                Ok(Self { start: bytes.start, length, partial: true, parts: None, part: None })
            }
            (None, Some(part)) => part_slice(object, part),
            (None, None) => Ok(Self { start: 0, length: object.size, partial: false, parts: None, part: None }),
        }
    }

    /// The checksums of what is answered: a range has none, and clients would hold it to those of the whole.
    pub(crate) fn checksums(&self, object: &ObjectRow) -> Checksums {
        match self.part {
            Some(part) if !object.parts.is_empty() => {
                object.parts.get(part).map(|part| part.checksums.clone()).unwrap_or_default()
            }
            None if self.partial => Checksums::default(),
            _ => object.meta.checksums.clone(),
        }
    }

    /// The `Content-Range` of the answer.
    pub(crate) fn content_range(&self, size: u64) -> Option<String> {
        (self.partial && self.length > 0).then(|| {
            let last = self.start + self.length - 1;
            format!("bytes {}-{last}/{size}", self.start)
        })
    }
}

fn part_slice(object: &ObjectRow, part: i32) -> S3Result<Slice> {
    let refused = || {
        custom("InvalidPartNumber", StatusCode::RANGE_NOT_SATISFIABLE, "The requested partnumber is not satisfiable")
            .detail("ActualPartCount", object.parts.len().max(1))
            .detail("PartNumberRequested", part)
    };
    let index = usize::try_from(part).ok().and_then(|part| part.checked_sub(1)).ok_or_else(refused)?;
    // An object that was not uploaded in parts has one.
    if object.parts.is_empty() && index == 0 {
        return Ok(Slice { start: 0, length: object.size, partial: true, parts: None, part: Some(0) });
    }
    let wanted = object.parts.get(index).ok_or_else(refused)?;
    Ok(Slice {
        start: object.parts.iter().take(index).map(|part| part.size).sum(),
        length: wanted.size,
        partial: true,
        parts: Some(object.parts.len()),
        part: Some(index),
    })
}

fn unsatisfiable(range: &Range, size: u64) -> S3Error {
    let mut error = plain(S3ErrorCode::InvalidRange);
    let mut headers = HeaderMap::new();
    if let Ok(range) = HeaderValue::from_str(&format!("bytes */{size}")) {
        headers.insert(CONTENT_RANGE, range);
    }
    error.set_headers(headers);
    error.detail("RangeRequested", range.to_header_string()).detail("ActualObjectSize", size)
}

/// Reads `x-amz-copy-source-range`: `bytes=first-last`, both given.
pub(crate) fn copy_range(header: &str, size: u64) -> S3Result<(u64, u64)> {
    const NAME: &str = "x-amz-copy-source-range";
    let malformed = || {
        wrong_argument(
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy",
            NAME,
            header,
        )
    };
    let (first, last) = header.strip_prefix("bytes=").and_then(|range| range.split_once('-')).ok_or_else(malformed)?;
    let first: u64 = first.parse().map_err(|_| malformed())?;
    let last: u64 = last.parse().map_err(|_| malformed())?;
    if first > last {
        return Err(malformed());
    }
    if last >= size {
        let message = format!("Range specified is not valid for source object of size: {size}");
        return Err(wrong_argument(message, NAME, header));
    }
    Ok((first, last - first + 1))
}
