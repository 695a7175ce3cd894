//! GetObjectAttributes.

use s3s::dto::{
    Checksum, ChecksumType, GetObjectAttributesInput, GetObjectAttributesOutput, GetObjectAttributesParts,
    ObjectAttributes, ObjectPart, StorageClass,
};
use s3s::{S3Request, S3Result};

use super::super::request::{
    blocking, bucket, check_version, count, page_limit, refuse_customer_key, size, subject, wire_etag, wire_time,
};
use super::super::store::{ObjectRow, Store};
use super::with_checksums;

pub(crate) async fn attributes(
    store: &Store,
    request: S3Request<GetObjectAttributesInput>,
) -> S3Result<GetObjectAttributesOutput> {
    let caller = subject(&request)?;
    let (store, input) = (store.clone(), request.input);
    refuse_customer_key(input.sse_customer_algorithm.as_deref())?;
    let limit = page_limit("max-parts", input.max_parts)?;
    blocking(move || {
        let owner = input.expected_bucket_owner.as_deref();
        let bucket = bucket(&store, &caller, &input.bucket, owner, "s3:GetObjectAttributes")?;
        check_version(input.version_id.as_deref())?;
        let object = store.find_object(&bucket, &input.key)?;
        // Clients send the names in one header, and `s3s` does not take them apart.
        let asked = |name: &str| {
            let listed = |one: &ObjectAttributes| one.as_str().split(',').any(|one| one.trim() == name);
            input.object_attributes.iter().any(listed)
        };
        let mut output = GetObjectAttributesOutput {
            last_modified: Some(wire_time(object.modified)),
            ..GetObjectAttributesOutput::default()
        };
        if asked("ETag") {
            output.e_tag = Some(wire_etag(&object.etag));
        }
        if asked("ObjectSize") {
            output.object_size = Some(size(object.size));
        }
        if asked("StorageClass") {
            output.storage_class = Some(StorageClass::from(object.storage_class.clone()));
        }
        if asked("Checksum") {
            let kind = if object.meta.composite { ChecksumType::COMPOSITE } else { ChecksumType::FULL_OBJECT };
            output.checksum = Some(with_checksums!(
                object.meta.checksums.clone(),
                Checksum { checksum_type: Some(ChecksumType::from_static(kind)) }
            ));
        }
        if asked("ObjectParts") && !object.parts.is_empty() {
            let after = input.part_number_marker.unwrap_or(0);
            output.object_parts = Some(parts(&object, after, limit));
        }
        Ok(output)
    })
    .await
}

fn parts(object: &ObjectRow, after: i32, limit: usize) -> GetObjectAttributesParts {
    // Parts are listed one by one only where they have checksums that S3 keeps by part.
    if !object.meta.composite {
        return GetObjectAttributesParts {
            total_parts_count: Some(count(object.parts.len())),
            ..GetObjectAttributesParts::default()
        };
    }
    let skipped = usize::try_from(after).unwrap_or(0);
    let shown: Vec<ObjectPart> = object
        .parts
        .iter()
        .enumerate()
        .skip(skipped)
        .take(limit)
        .map(|(index, part)| {
            with_checksums!(
                part.checksums.clone(),
                ObjectPart { part_number: Some(count(index + 1)), size: Some(size(part.size)) }
            )
        })
        .collect();
    let last = skipped + shown.len();
    GetObjectAttributesParts {
        is_truncated: Some(last < object.parts.len()),
        max_parts: Some(count(limit)),
        next_part_number_marker: Some(count(last)),
        part_number_marker: Some(after),
        parts: Some(shown),
        total_parts_count: Some(count(object.parts.len())),
    }
}
