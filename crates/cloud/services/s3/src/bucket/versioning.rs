//! GetBucketVersioning and PutBucketVersioning: buckets are never versioned.

use s3s::dto::{
    GetBucketVersioningInput, GetBucketVersioningOutput, PutBucketVersioningInput, PutBucketVersioningOutput,
};
use s3s::{S3Request, S3Result};

use super::super::error::not_implemented;
use super::super::request::{blocking, bucket, subject};
use super::super::store::Store;

pub(crate) async fn get_versioning(
    store: &Store,
    request: S3Request<GetBucketVersioningInput>,
) -> S3Result<GetBucketVersioningOutput> {
    let caller = subject(&request)?;
    let (store, input) = (store.clone(), request.input);
    blocking(move || {
        let owner = input.expected_bucket_owner.as_deref();
        bucket(&store, &caller, &input.bucket, owner, "s3:GetBucketVersioning")?;
        Ok(GetBucketVersioningOutput::default())
    })
    .await
}

pub(crate) async fn put_versioning(
    store: &Store,
    request: S3Request<PutBucketVersioningInput>,
) -> S3Result<PutBucketVersioningOutput> {
    let caller = subject(&request)?;
    let (store, input) = (store.clone(), request.input);
    blocking(move || {
        let owner = input.expected_bucket_owner.as_deref();
        bucket(&store, &caller, &input.bucket, owner, "s3:PutBucketVersioning")?;
        Err(not_implemented(
            "PutBucketVersioning is not implemented: buckets keep one version of each object. Leave versioning off.",
        ))
    })
    .await
}
