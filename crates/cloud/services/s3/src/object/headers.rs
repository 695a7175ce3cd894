//! The stored headers and checksums, from inputs and to outputs, whose fields the operations share.

use http::StatusCode;
use s3s::{S3ErrorCode, S3Result};

use super::super::error::{Detail as _, custom, plain};
use super::super::store::Headers;

/// The storage class of an object that names none.
pub(crate) const STANDARD: &str = "STANDARD";

/// The most user metadata, names and values together, in bytes.
const MAX_METADATA: usize = 2048;

/// The type of content that comes without one.
pub(crate) const DEFAULT_TYPE: &str = "binary/octet-stream";

/// Takes the headers to store out of an operation's input.
macro_rules! headers_from {
    ($input:expr) => {
        $crate::object::finish_headers($crate::store::Headers {
            content_type: $input.content_type.take(),
            cache_control: $input.cache_control.take(),
            content_disposition: $input.content_disposition.take(),
            content_encoding: $input.content_encoding.take(),
            content_language: $input.content_language.take(),
            expires: $input.expires.as_ref().and_then($crate::request::seconds),
            website_redirect: $input.website_redirect_location.take(),
            encryption: $input.server_side_encryption.take().map(|algorithm| algorithm.as_str().to_owned()),
            kms_key: $input.ssekms_key_id.take(),
            user: $input.metadata.take().unwrap_or_default().into_iter().collect(),
        })
    };
}
pub(crate) use headers_from;

/// Completes and checks what a client sent.
pub(crate) fn finish_headers(mut headers: Headers) -> S3Result<Headers> {
    let size: usize = headers.user.iter().map(|(name, value)| name.len() + value.len()).sum();
    if size > MAX_METADATA {
        return Err(plain(S3ErrorCode::MetadataTooLarge).detail("MaxSizeAllowed", MAX_METADATA).detail("Size", size));
    }
    // The transfer's own encoding is not the object's; the rest is kept as it was sent.
    if let Some(encoding) = headers.content_encoding.take() {
        let kept: Vec<&str> =
            encoding.split(',').filter(|one| !one.trim().eq_ignore_ascii_case("aws-chunked")).collect();
        headers.content_encoding = Some(kept.join(",").trim().to_owned()).filter(|kept| !kept.is_empty());
    }
    if let Some(algorithm) = &headers.encryption
        && !matches!(algorithm.as_str(), "AES256" | "aws:kms" | "aws:kms:dsse")
    {
        return Err(custom(
            "InvalidEncryptionAlgorithmError",
            StatusCode::BAD_REQUEST,
            "The encryption request you specified is not valid. The valid value is AES256.",
        )
        .detail("ArgumentName", "x-amz-server-side-encryption")
        .detail("ArgumentValue", algorithm));
    }
    headers.content_type.get_or_insert_with(|| DEFAULT_TYPE.to_owned());
    Ok(headers)
}

/// The storage class to record.
pub(crate) fn check_storage_class(class: Option<&str>) -> S3Result<String> {
    match class {
        None | Some("") => Ok(STANDARD.to_owned()),
        Some(
            class @ (STANDARD
            | "REDUCED_REDUNDANCY"
            | "STANDARD_IA"
            | "ONEZONE_IA"
            | "INTELLIGENT_TIERING"
            | "GLACIER"
            | "DEEP_ARCHIVE"
            | "GLACIER_IR"),
        ) => Ok(class.to_owned()),
        Some(class) => {
            Err(custom("InvalidStorageClass", StatusCode::BAD_REQUEST, "The storage class you specified is not valid")
                .detail("StorageClassRequested", class))
        }
    }
}

/// The checksums that came as headers of an operation's input.
macro_rules! sent_checksums {
    ($input:expr) => {
        $crate::checksum::Checksums {
            crc32: $input.checksum_crc32.take(),
            crc32c: $input.checksum_crc32c.take(),
            crc64nvme: $input.checksum_crc64nvme.take(),
            sha1: $input.checksum_sha1.take(),
            sha256: $input.checksum_sha256.take(),
        }
    };
}
pub(crate) use sent_checksums;

/// An output with the fields of its checksums filled in.
macro_rules! with_checksums {
    ($checksums:expr, $type:ident { $($fields:tt)* }) => {{
        let checksums: $crate::checksum::Checksums = $checksums;
        $type {
            checksum_crc32: checksums.crc32,
            checksum_crc32c: checksums.crc32c,
            checksum_crc64nvme: checksums.crc64nvme,
            checksum_sha1: checksums.sha1,
            checksum_sha256: checksums.sha256,
            $($fields)*
        }
    }};
}
pub(crate) use with_checksums;
