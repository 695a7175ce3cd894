//! Requests that are refused for what they say, whatever the state of bucket and object: contradictions that S3
//! refuses too, and what the service model has and this S3 does not.

use http::{HeaderMap, Method, Uri};
use s3s::S3Result;

use super::error::{not_implemented, wrong_argument};
use super::request::pairs;
use super::target::Target;

const ENCRYPTION: &str = "x-amz-server-side-encryption";
const KMS_KEY: &str = "x-amz-server-side-encryption-aws-kms-key-id";
const BYPASS: &str = "x-amz-bypass-governance-retention";

/// Refuses headers that contradict each other or the operation, and what is not supported.
pub(crate) fn check(method: &Method, uri: &Uri, headers: &HeaderMap, target: &Target) -> S3Result<()> {
    if let Some(unknown) = unknown(uri, headers, target) {
        return Err(not_implemented(unknown));
    }
    let value = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).filter(|value| !value.is_empty());
    for of in ["x-amz-server-side-encryption", "x-amz-copy-source-server-side-encryption"] {
        if value(&format!("{of}-customer-key")).is_some() && value(&format!("{of}-customer-algorithm")).is_none() {
            return Err(wrong_argument(
                "Requests specifying Server Side Encryption with Customer provided keys must provide a valid encryption algorithm.",
                ENCRYPTION,
                "null",
            ));
        }
    }
    let reads = target.key.is_some() && matches!(*method, Method::GET | Method::HEAD);
    if reads && let Some(name) = [ENCRYPTION, KMS_KEY].into_iter().find(|name| value(name).is_some()) {
        let message = format!("{name} header is not supported for this operation.");
        return Err(wrong_argument(message, name, value(name).unwrap_or_default()));
    }
    if value(KMS_KEY).is_some() && matches!(value(ENCRYPTION), None | Some("AES256")) {
        return Err(wrong_argument(
            "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms",
            ENCRYPTION,
            value(ENCRYPTION).unwrap_or("null"),
        ));
    }
    let deletes = *method == Method::DELETE && target.key.is_some()
        || *method == Method::POST && pairs(uri.query()).any(|(name, _)| name == "delete");
    if deletes && let Some(bypass) = value(BYPASS).filter(|bypass| bypass.eq_ignore_ascii_case("true")) {
        let message = format!("{BYPASS} is only applicable to Object Lock enabled buckets.");
        return Err(wrong_argument(message, BYPASS, bypass));
    }
    Ok(())
}

/// What the service model has and `s3s` does not know, and would take for a plain request on the object or bucket:
/// parameters that name an operation, and headers that change what a write does.
fn unknown(uri: &Uri, headers: &HeaderMap, target: &Target) -> Option<String> {
    const OF_OBJECTS: &[(&str, &str)] = &[
        ("annotation", "object annotations"),
        ("encryption", "UpdateObjectEncryption"),
        ("renameObject", "RenameObject"),
    ];
    const OF_BUCKETS: &[(&str, &str)] = &[
        ("abac", "attribute-based access control of a bucket"),
        ("metadataAnnotationTable", "UpdateBucketMetadataAnnotationTableConfiguration"),
        ("metadataConfiguration", "a bucket's metadata configuration"),
        ("metadataInventoryTable", "UpdateBucketMetadataInventoryTableConfiguration"),
        ("metadataJournalTable", "UpdateBucketMetadataJournalTableConfiguration"),
    ];
    const HEADERS: &[&str] = &[
        "x-amz-bucket-namespace",
        "x-amz-checksum-md5",
        "x-amz-checksum-sha512",
        "x-amz-checksum-xxhash128",
        "x-amz-checksum-xxhash3",
        "x-amz-checksum-xxhash64",
        "x-amz-object-lock-event-hold",
    ];
    let known = if target.key.is_some() { OF_OBJECTS } else { OF_BUCKETS };
    for (name, _) in pairs(uri.query()) {
        if let Some((_, what)) = known.iter().find(|(parameter, _)| *parameter == name) {
            return Some(format!("S3 {what} is not supported by the embedded cloud"));
        }
    }
    let value = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let trailers: Vec<&str> = value("x-amz-trailer").unwrap_or_default().split(',').map(str::trim).collect();
    // `global` is what every bucket is here.
    let sent = |name: &str| value(name).is_some_and(|value| value != "global") || trailers.contains(&name);
    let name = HEADERS.iter().find(|name| sent(name))?;
    Some(format!("The header {name} is not supported by the embedded cloud: leave it out."))
}
