//! PutObject.

use s3s::dto::{ChecksumType, PutObjectInput, PutObjectOutput};
use s3s::{S3Request, S3Result};

use super::super::acl::refuse_acl;
use super::super::body::{Expectation, receive};
use super::super::error::{invalid_request, not_implemented};
use super::super::request::{
    blocking, bucket, parse_tagging_header, refuse_customer_key, subject, trailers, wire_etag,
};
use super::super::store::{Meta, ObjectRow, Store};
use super::{check_storage_class, headers_from, sent_checksums, with_checksums, write_condition};

/// The most that one PutObject or UploadPart carries, in bytes.
pub(crate) const MAX_UPLOAD: i64 = 5 << 30;

pub(crate) async fn put(store: &Store, request: S3Request<PutObjectInput>) -> S3Result<PutObjectOutput> {
    let caller = subject(&request)?;
    let mut input = request.input;
    refuse(&input)?;
    let condition = write_condition(input.if_match.as_ref(), input.if_none_match.as_ref())?;
    let headers = headers_from!(input)?;
    let storage_class = check_storage_class(input.storage_class.as_ref().map(|c| c.as_str()))?;
    let tags = parse_tagging_header(input.tagging.as_deref())?;
    let expectation = Expectation::new(
        input.content_length,
        input.content_md5.as_deref(),
        sent_checksums!(input),
        input.checksum_algorithm.as_ref(),
        &request.headers,
    )?;
    let body = input.body.take();
    let received = receive(store, body, trailers(&request.extensions), expectation, {
        let (name, owner) = (input.bucket.clone(), input.expected_bucket_owner.clone());
        move |store, _| bucket(store, &caller, &name, owner.as_deref(), "s3:PutObject")
    })
    .await?;
    let store = store.clone();
    blocking(move || {
        let digests = received.digests;
        let object = ObjectRow {
            content: received.draft.id(),
            size: digests.size,
            etag: hex::encode(digests.md5),
            modified: store.modified_now(),
            storage_class,
            meta: Meta { headers, checksums: digests.checksums, ..Meta::default() },
            tags,
            parts: Vec::new(),
        };
        store.put_object(&received.context, &input.key, &object, received.draft, &condition)?;
        let headers = object.meta.headers;
        Ok(with_checksums!(
            object.meta.checksums,
            PutObjectOutput {
                checksum_type: Some(ChecksumType::from_static(ChecksumType::FULL_OBJECT)),
                e_tag: Some(wire_etag(&object.etag)),
                server_side_encryption: Some(headers.encryption().into()),
                ssekms_key_id: headers.kms_key,
                ..PutObjectOutput::default()
            }
        ))
    })
    .await
}

/// Refuses what would not be honoured.
fn refuse(input: &PutObjectInput) -> S3Result<()> {
    let grants = [&input.grant_full_control, &input.grant_read, &input.grant_read_acp, &input.grant_write_acp];
    refuse_acl(input.acl.as_ref().map(|acl| acl.as_str()), &grants)?;
    refuse_customer_key(input.sse_customer_algorithm.as_deref())?;
    if input.object_lock_mode.is_some()
        || input.object_lock_legal_hold_status.is_some()
        || input.object_lock_retain_until_date.is_some()
    {
        return Err(invalid_request("Bucket is missing Object Lock Configuration"));
    }
    if input.write_offset_bytes.is_some() {
        return Err(not_implemented(
            "Appending with x-amz-write-offset-bytes is not implemented: write the whole object.",
        ));
    }
    if input.content_length.is_some_and(|length| length > MAX_UPLOAD) {
        return Err(s3s::S3ErrorCode::EntityTooLarge.into());
    }
    Ok(())
}
