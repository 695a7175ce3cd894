//! CopyObject.

use http::HeaderValue;
use http::header::{HeaderName, IF_MATCH, IF_NONE_MATCH};
use s3s::dto::{ChecksumType, CopyObjectInput, CopyObjectOutput, CopyObjectResult, ETagCondition};
use s3s::{S3Request, S3Result};

use super::super::acl::refuse_acl;
use super::super::body::parse_algorithm;
use super::super::checksum::{Algorithm, Checksums};
use super::super::error::{invalid_argument, invalid_request};
use super::super::request::{
    blocking, bucket, parse_tagging_header, refuse_customer_key, subject, wire_etag, wire_time,
};
use super::super::store::{Digest, Draft, Meta, ObjectRow, Store};
use super::put::MAX_UPLOAD;
use super::{CopyConditions, STANDARD, Source, check_storage_class, headers_from, with_checksums, write_condition};

pub(crate) async fn copy(store: &Store, request: S3Request<CopyObjectInput>) -> S3Result<CopyObjectOutput> {
    let caller = subject(&request)?;
    // `s3s` does not read these two of a copy.
    let condition = |name| request.headers.get(&name).map(|value| etag_condition(&name, value)).transpose();
    let condition = write_condition(condition(IF_MATCH)?.as_ref(), condition(IF_NONE_MATCH)?.as_ref())?;
    let (store, mut input) = (store.clone(), request.input);
    refuse(&input)?;
    let replace_headers = replaces("x-amz-metadata-directive", input.metadata_directive.as_ref().map(|d| d.as_str()))?;
    let replace_tags = replaces("x-amz-tagging-directive", input.tagging_directive.as_ref().map(|d| d.as_str()))?;
    let algorithm = input.checksum_algorithm.as_ref().map(parse_algorithm).transpose()?;
    let conditions = CopyConditions {
        matches: input.copy_source_if_match.take(),
        none_match: input.copy_source_if_none_match.take(),
        modified_since: input.copy_source_if_modified_since.take(),
        unmodified_since: input.copy_source_if_unmodified_since.take(),
    };
    blocking(move || {
        let owner = input.expected_bucket_owner.as_deref();
        let target = bucket(&store, &caller, &input.bucket, owner, "s3:PutObject")?;
        let source_owner = input.expected_source_bucket_owner.as_deref();
        let source = Source::open(&store, &caller, &input.copy_source, source_owner, &conditions)?;
        let changes = replace_headers
            || input.storage_class.is_some()
            || input.website_redirect_location.is_some()
            || input.server_side_encryption.is_some();
        if source.bucket.id == target.id && source.key == input.key && !changes {
            return Err(invalid_request(
                "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
            ));
        }
        if source.object.size > MAX_UPLOAD.cast_unsigned() {
            return Err(invalid_request(format!(
                "The specified copy source is larger than the maximum allowable size for a copy source: {MAX_UPLOAD}"
            )));
        }
        let sent = headers_from!(input)?;
        let headers = if replace_headers {
            sent
        } else {
            let mut kept = source.object.meta.headers.clone();
            // These two are never copied, and encryption is the target's own.
            kept.website_redirect = sent.website_redirect;
            kept.encryption = sent.encryption;
            kept.kms_key = sent.kms_key;
            kept
        };
        let tags = if replace_tags {
            parse_tagging_header(input.tagging.as_deref())?
        } else {
            source.object.tags.clone()
        };
        let storage_class = match &input.storage_class {
            Some(class) => check_storage_class(Some(class.as_str()))?,
            None => STANDARD.to_owned(),
        };
        let (draft, etag, checksums) = duplicate(&store, source, algorithm)?;
        let object = ObjectRow {
            content: draft.id(),
            etag: etag.0,
            size: etag.1,
            modified: store.modified_now(),
            storage_class,
            meta: Meta {
                headers,
                checksums,
                ..Meta::default()
            },
            tags,
            parts: Vec::new(),
        };
        store.put_object(&target, &input.key, &object, draft, &condition)?;
        let headers = object.meta.headers;
        Ok(CopyObjectOutput {
            copy_object_result: Some(with_checksums!(
                object.meta.checksums,
                CopyObjectResult {
                    checksum_type: Some(ChecksumType::from_static(ChecksumType::FULL_OBJECT)),
                    e_tag: Some(wire_etag(&object.etag)),
                    last_modified: Some(wire_time(object.modified)),
                }
            )),
            server_side_encryption: Some(headers.encryption().into()),
            ssekms_key_id: headers.kms_key,
            ..CopyObjectOutput::default()
        })
    })
    .await
}

/// Second content like the source's, with its ETag, size and checksums. A copy is one piece, so
/// that of an object made of parts gets an ETag and a checksum of its own.
fn duplicate(
    store: &Store,
    source: Source,
    algorithm: Option<Algorithm>,
) -> S3Result<(Draft, (String, u64), Checksums)> {
    let object = source.object;
    let known = &object.meta.checksums;
    let wanted: Vec<Algorithm> = match algorithm {
        Some(algorithm) => vec![algorithm],
        None => known.algorithms().collect(),
    };
    let in_parts = !object.parts.is_empty() || object.meta.composite;
    let all_known = wanted.iter().all(|algorithm| known.get(*algorithm).is_some());
    if !in_parts && all_known {
        let mut checksums = Checksums::default();
        for algorithm in wanted {
            if let Some(value) = known.get(algorithm) {
                checksums.set(algorithm, value.to_owned());
            }
        }
        let draft = store.link_content(object.content)?;
        return Ok((draft, (object.etag, object.size), checksums));
    }
    let mut writer = store.new_content(Digest::Md5, &wanted)?;
    writer.append(source.file, object.size)?;
    let (draft, digests) = writer.finish();
    Ok((draft, (hex::encode(digests.md5), digests.size), digests.checksums))
}

fn etag_condition(name: &HeaderName, value: &HeaderValue) -> S3Result<ETagCondition> {
    ETagCondition::parse_http_header(value.as_bytes()).map_err(|_| invalid_argument(format!("Invalid {name} header")))
}

fn replaces(name: &str, directive: Option<&str>) -> S3Result<bool> {
    match directive {
        None | Some("COPY") => Ok(false),
        Some("REPLACE") => Ok(true),
        Some(other) => Err(invalid_argument(format!("Unknown {name} '{other}': it must be COPY or REPLACE."))),
    }
}

/// Refuses what would not be honoured.
fn refuse(input: &CopyObjectInput) -> S3Result<()> {
    let grants = [&input.grant_full_control, &input.grant_read, &input.grant_read_acp, &input.grant_write_acp];
    refuse_acl(input.acl.as_ref().map(|acl| acl.as_str()), &grants)?;
    refuse_customer_key(input.sse_customer_algorithm.as_deref())?;
    refuse_customer_key(input.copy_source_sse_customer_algorithm.as_deref())?;
    if input.object_lock_mode.is_some() || input.object_lock_legal_hold_status.is_some() {
        return Err(invalid_request("Bucket is missing Object Lock Configuration"));
    }
    Ok(())
}
