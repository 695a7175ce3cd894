//! AbortMultipartUpload.

use s3s::dto::{AbortMultipartUploadInput, AbortMultipartUploadOutput};
use s3s::{S3Request, S3Result};

use super::super::request::{blocking, bucket, subject};
use super::super::store::Store;

pub(crate) async fn abort(
    store: &Store,
    request: S3Request<AbortMultipartUploadInput>,
) -> S3Result<AbortMultipartUploadOutput> {
    let caller = subject(&request)?;
    let (store, input) = (store.clone(), request.input);
    blocking(move || {
        let owner = input.expected_bucket_owner.as_deref();
        let bucket = bucket(&store, &caller, &input.bucket, owner, "s3:AbortMultipartUpload")?;
        store.abort_upload(&bucket, &input.key, &input.upload_id)?;
        Ok(AbortMultipartUploadOutput::default())
    })
    .await
}
