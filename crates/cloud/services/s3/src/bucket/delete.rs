//! DeleteBucket.

use s3s::dto::{DeleteBucketInput, DeleteBucketOutput};
use s3s::{S3Request, S3Result};

use super::super::request::{blocking, bucket, subject};
use super::super::store::Store;

pub(crate) async fn delete(store: &Store, request: S3Request<DeleteBucketInput>) -> S3Result<DeleteBucketOutput> {
    let caller = subject(&request)?;
    let (store, input) = (store.clone(), request.input);
    blocking(move || {
        let owner = input.expected_bucket_owner.as_deref();
        let bucket = bucket(&store, &caller, &input.bucket, owner, "s3:DeleteBucket")?;
        store.remove_bucket(&bucket)?;
        Ok(DeleteBucketOutput::default())
    })
    .await
}
