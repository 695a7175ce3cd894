//! ListParts.

use s3s::dto::{ChecksumAlgorithm, Initiator, ListPartsInput, ListPartsOutput, Part};
use s3s::{S3Request, S3Result};

use super::super::object::with_checksums;
use super::super::request::{blocking, bucket, canonical_id, count, page_limit, size, subject, wire_etag, wire_time};
use super::super::store::Store;
use super::create::kind;

pub(crate) async fn list_parts(store: &Store, request: S3Request<ListPartsInput>) -> S3Result<ListPartsOutput> {
    let caller = subject(&request)?;
    let (store, input) = (store.clone(), request.input);
    let limit = page_limit("max-parts", input.max_parts)?;
    blocking(move || {
        let owner = input.expected_bucket_owner.as_deref();
        let bucket = bucket(&store, &caller, &input.bucket, owner, "s3:ListMultipartUploadParts")?;
        let upload = store.find_upload(&bucket, &input.key, &input.upload_id)?;
        let after = input.part_number_marker.unwrap_or(0);
        let mut parts = store.parts(&upload.id, after, limit + 1)?;
        let truncated = parts.len() > limit;
        parts.truncate(limit);
        let last = parts.last().map(|part| i32::try_from(part.number).unwrap_or(i32::MAX));
        let algorithm = upload.spec.algorithm;
        Ok(ListPartsOutput {
            bucket: Some(bucket.name),
            checksum_algorithm: algorithm.map(|a| ChecksumAlgorithm::from_static(a.name())),
            checksum_type: algorithm.map(|_| kind(upload.spec.composite)),
            initiator: Some(Initiator { display_name: None, id: Some(canonical_id(&bucket.account)) }),
            is_truncated: Some(truncated),
            key: Some(upload.key),
            max_parts: Some(count(limit)),
            next_part_number_marker: Some(last.unwrap_or(after)),
            owner: Some(s3s::dto::Owner { display_name: None, id: Some(canonical_id(&bucket.account)) }),
            part_number_marker: Some(after),
            parts: Some(
                parts
                    .into_iter()
                    .map(|part| {
                        // Shown where the upload asked for one.
                        let shown = algorithm.map(|_| part.checksums).unwrap_or_default();
                        with_checksums!(
                            shown,
                            Part {
                                e_tag: Some(wire_etag(&part.etag)),
                                last_modified: Some(wire_time(part.modified)),
                                part_number: i32::try_from(part.number).ok(),
                                size: Some(size(part.size)),
                            }
                        )
                    })
                    .collect(),
            ),
            storage_class: Some(upload.spec.storage_class.into()),
            upload_id: Some(upload.id),
            ..ListPartsOutput::default()
        })
    })
    .await
}
