//! CompleteMultipartUpload.

use http::header::HOST;
use s3s::dto::{ChecksumType, CompleteMultipartUploadInput, CompleteMultipartUploadOutput};
use s3s::{S3ErrorCode, S3Request, S3Result};

use super::super::body::part_number;
use super::super::checksum::Checksums;
use super::super::object::{sent_checksums, with_checksums, write_condition};
use super::super::request::{blocking, bucket, refuse_customer_key, subject, wire_etag};
use super::super::store::{Completion, MAX_PARTS, RequestedPart, Store};
use super::create::kind;

pub(crate) async fn complete(
    store: &Store,
    request: S3Request<CompleteMultipartUploadInput>,
) -> S3Result<CompleteMultipartUploadOutput> {
    let caller = subject(&request)?;
    let host = request.headers.get(HOST).and_then(|host| host.to_str().ok());
    let host = host.unwrap_or("s3.amazonaws.com").to_owned();
    let (store, mut input) = (store.clone(), request.input);
    refuse_customer_key(input.sse_customer_algorithm.as_deref())?;
    let named = input.multipart_upload.take().and_then(|upload| upload.parts).unwrap_or_default();
    if named.len() > MAX_PARTS {
        return Err(S3ErrorCode::MalformedXML.into());
    }
    let mut parts = Vec::with_capacity(named.len());
    for mut part in named {
        let (Some(number), Some(etag)) = (part.part_number, part.e_tag.take()) else {
            return Err(S3ErrorCode::MalformedXML.into());
        };
        parts.push(RequestedPart {
            number: part_number(number)?,
            etag: etag.into_value(),
            checksums: sent_checksums!(part),
        });
    }
    let completion = Completion {
        parts,
        expected: sent_checksums!(input),
        size: input.mpu_object_size.and_then(|size| u64::try_from(size).ok()),
        composite: input.checksum_type.as_ref().map(|kind| kind.as_str() == ChecksumType::COMPOSITE),
        condition: write_condition(input.if_match.as_ref(), input.if_none_match.as_ref())?,
    };
    blocking(move || {
        let owner = input.expected_bucket_owner.as_deref();
        let bucket = bucket(&store, &caller, &input.bucket, owner, "s3:PutObject")?;
        let object = store.complete_upload(&bucket, &input.key, &input.upload_id, &completion)?;
        let checksums: Checksums = object.meta.checksums;
        let known = checksums.algorithms().next().is_some();
        Ok(with_checksums!(
            checksums,
            CompleteMultipartUploadOutput {
                checksum_type: known.then(|| kind(object.meta.composite)),
                e_tag: Some(wire_etag(&object.etag)),
                location: Some(format!("http://{host}/{}/{}", bucket.name, input.key)),
                bucket: Some(bucket.name),
                key: Some(input.key),
                server_side_encryption: Some(object.meta.headers.encryption().into()),
                ssekms_key_id: object.meta.headers.kms_key,
                ..CompleteMultipartUploadOutput::default()
            }
        ))
    })
    .await
}
