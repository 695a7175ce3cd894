//! The entries of a listing, as they are shown.

use s3s::dto::{ChecksumAlgorithm, ChecksumType, CommonPrefix, EncodingType, Object, Owner};
use s3s::{S3ErrorCode, S3Result};

use super::super::error::invalid_argument;
use super::super::request::{canonical_id, encode_listed, size, wire_etag, wire_time};
use super::super::store::{Listed, ObjectRow};

/// Whether keys are to be percent-encoded.
pub(crate) fn wants_url(encoding: Option<&EncodingType>) -> S3Result<bool> {
    match encoding.map(|encoding| encoding.as_str()) {
        None => Ok(false),
        Some("url") => Ok(true),
        Some(_) => Err(invalid_argument("Invalid Encoding Method specified in Request")),
    }
}

/// Optional attributes that a listing cannot show.
pub(crate) fn refuse_attributes(attributes: Option<usize>) -> S3Result<()> {
    match attributes {
        None | Some(0) => Ok(()),
        Some(_) => Err(s3s::S3Error::with_message(
            S3ErrorCode::NotImplemented,
            "OptionalObjectAttributes is not implemented: no object is ever archived or restored.",
        )),
    }
}

pub(crate) fn owner(account: &str) -> Owner {
    Owner { display_name: None, id: Some(canonical_id(account)) }
}

/// Objects and common prefixes apart, each in order.
pub(crate) fn split(entries: Vec<Listed>, url: bool, account: Option<&str>) -> (Vec<Object>, Vec<CommonPrefix>) {
    let mut objects = Vec::new();
    let mut prefixes = Vec::new();
    for entry in entries {
        match entry {
            Listed::Object(key, row) => objects.push(object(&key, &row, url, account)),
            Listed::Prefix(prefix) => prefixes.push(CommonPrefix { prefix: Some(encode_listed(&prefix, url)) }),
        }
    }
    (objects, prefixes)
}

fn object(key: &str, row: &ObjectRow, url: bool, account: Option<&str>) -> Object {
    Object {
        checksum_algorithm: checksum_algorithms(row),
        checksum_type: checksum_type(row),
        e_tag: Some(wire_etag(&row.etag)),
        key: Some(encode_listed(key, url)),
        last_modified: Some(wire_time(row.modified)),
        owner: account.map(owner),
        restore_status: None,
        size: Some(size(row.size)),
        storage_class: Some(row.storage_class.clone().into()),
    }
}

pub(crate) fn checksum_algorithms(row: &ObjectRow) -> Option<Vec<ChecksumAlgorithm>> {
    let names: Vec<_> =
        row.meta.checksums.algorithms().map(|algorithm| ChecksumAlgorithm::from_static(algorithm.name())).collect();
    Some(names).filter(|names| !names.is_empty())
}

pub(crate) fn checksum_type(row: &ObjectRow) -> Option<ChecksumType> {
    row.meta.checksums.algorithms().next().map(|_| {
        ChecksumType::from_static(if row.meta.composite { ChecksumType::COMPOSITE } else { ChecksumType::FULL_OBJECT })
    })
}
