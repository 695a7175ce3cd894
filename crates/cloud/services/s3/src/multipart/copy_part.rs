//! UploadPartCopy.

use std::io::{Seek as _, SeekFrom};

use s3s::dto::{CopyPartResult, UploadPartCopyInput, UploadPartCopyOutput};
use s3s::{S3Error, S3Request, S3Result};

use super::super::body::part_number;
use super::super::checksum::Algorithm;
use super::super::error::invalid_request;
use super::super::object::{CopyConditions, MAX_UPLOAD, Source, copy_range, with_checksums};
use super::super::request::{blocking, bucket, refuse_customer_key, subject, wire_etag, wire_time};
use super::super::store::{Digest, NewPart, Store};

pub(crate) async fn copy_part(
    store: &Store,
    request: S3Request<UploadPartCopyInput>,
) -> S3Result<UploadPartCopyOutput> {
    let caller = subject(&request)?;
    let (store, mut input) = (store.clone(), request.input);
    let number = part_number(input.part_number)?;
    refuse_customer_key(input.sse_customer_algorithm.as_deref())?;
    refuse_customer_key(input.copy_source_sse_customer_algorithm.as_deref())?;
    let conditions = CopyConditions {
        matches: input.copy_source_if_match.take(),
        none_match: input.copy_source_if_none_match.take(),
        modified_since: input.copy_source_if_modified_since.take(),
        unmodified_since: input.copy_source_if_unmodified_since.take(),
    };
    blocking(move || {
        let owner = input.expected_bucket_owner.as_deref();
        let target = bucket(&store, &caller, &input.bucket, owner, "s3:PutObject")?;
        let upload = store.find_upload(&target, &input.key, &input.upload_id)?;
        let source_owner = input.expected_source_bucket_owner.as_deref();
        let mut source = Source::open(&store, &caller, &input.copy_source, source_owner, &conditions)?;
        let (start, length) = match input.copy_source_range.as_deref() {
            Some(range) => copy_range(range, source.object.size)?,
            None => (0, source.object.size),
        };
        if length > MAX_UPLOAD.cast_unsigned() {
            return Err(invalid_request(format!(
                "The specified copy source is larger than the maximum allowable size for a copy source: {MAX_UPLOAD}"
            )));
        }
        if start > 0 {
            source.file.seek(SeekFrom::Start(start)).map_err(S3Error::internal_error)?;
        }
        let algorithm = upload.spec.algorithm.unwrap_or(Algorithm::Crc64nvme);
        let mut writer = store.new_content(Digest::Md5, &[algorithm])?;
        writer.append(source.file, length)?;
        let (draft, digests) = writer.finish();
        let etag = hex::encode(digests.md5);
        let part =
            NewPart { number, size: digests.size, etag: etag.clone(), checksums: digests.checksums.clone(), draft };
        let modified = store.put_part(&target, &input.key, &upload.id, part)?;
        // Shown where the upload asked for one.
        let shown = upload.spec.algorithm.map(|_| digests.checksums).unwrap_or_default();
        Ok(UploadPartCopyOutput {
            copy_part_result: Some(with_checksums!(
                shown,
                CopyPartResult { e_tag: Some(wire_etag(&etag)), last_modified: Some(wire_time(modified)) }
            )),
            server_side_encryption: Some(upload.spec.headers.encryption().into()),
            ssekms_key_id: upload.spec.headers.kms_key,
            ..UploadPartCopyOutput::default()
        })
    })
    .await
}
