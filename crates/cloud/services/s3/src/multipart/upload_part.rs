//! UploadPart.

use s3s::dto::{UploadPartInput, UploadPartOutput};
use s3s::{S3ErrorCode, S3Request, S3Result};

use super::super::body::{Expectation, part_number, receive};
use super::super::error::invalid_request;
use super::super::object::{MAX_UPLOAD, sent_checksums, with_checksums};
use super::super::request::{blocking, bucket, refuse_customer_key, subject, trailers, wire_etag};
use super::super::store::{NewPart, Store};

pub(crate) async fn upload_part(store: &Store, request: S3Request<UploadPartInput>) -> S3Result<UploadPartOutput> {
    let caller = subject(&request)?;
    let mut input = request.input;
    let number = part_number(input.part_number)?;
    refuse_customer_key(input.sse_customer_algorithm.as_deref())?;
    if input.content_length.is_some_and(|length| length > MAX_UPLOAD) {
        return Err(S3ErrorCode::EntityTooLarge.into());
    }
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
        let (key, id) = (input.key.clone(), input.upload_id.clone());
        move |store, algorithms| {
            let bucket = bucket(store, &caller, &name, owner.as_deref(), "s3:PutObject")?;
            let upload = store.find_upload(&bucket, &key, &id)?;
            if let Some(expected) = upload.spec.algorithm {
                let other = algorithms.iter().find(|sent| **sent != expected).map(|sent| sent.name().to_lowercase());
                // The checksum of the whole can be computed without those of the parts.
                let missing = (algorithms.is_empty() && upload.spec.composite).then(|| "null".to_owned());
                if let Some(sent) = other.or(missing) {
                    return Err(invalid_request(format!(
                        "Checksum Type mismatch occurred, expected checksum Type: {}, actual checksum Type: {sent}",
                        expected.name().to_lowercase(),
                    )));
                }
                if algorithms.is_empty() {
                    algorithms.push(expected);
                }
            }
            Ok((bucket, upload))
        }
    })
    .await?;
    let store = store.clone();
    blocking(move || {
        let (bucket, upload) = received.context;
        let etag = hex::encode(received.digests.md5);
        let part = NewPart {
            number,
            size: received.digests.size,
            etag: etag.clone(),
            checksums: received.digests.checksums.clone(),
            draft: received.draft,
        };
        store.put_part(&bucket, &input.key, &upload.id, part)?;
        Ok(with_checksums!(
            received.digests.checksums,
            UploadPartOutput {
                e_tag: Some(wire_etag(&etag)),
                server_side_encryption: Some(upload.spec.headers.encryption().into()),
                ssekms_key_id: upload.spec.headers.kms_key,
                ..UploadPartOutput::default()
            }
        ))
    })
    .await
}
