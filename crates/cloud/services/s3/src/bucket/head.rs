//! HeadBucket.

use s3s::dto::{HeadBucketInput, HeadBucketOutput};
use s3s::{S3Request, S3Response, S3Result};

use super::super::request::{answer_with, blocking, bucket, subject};
use super::super::store::Store;

pub(crate) async fn head(store: &Store, request: S3Request<HeadBucketInput>) -> S3Result<S3Response<HeadBucketOutput>> {
    let caller = subject(&request)?;
    let (store, input) = (store.clone(), request.input);
    blocking(move || {
        let owner = input.expected_bucket_owner.as_deref();
        let bucket = bucket(&store, &caller, &input.bucket, owner, "s3:ListBucket")?;
        let output =
            HeadBucketOutput { bucket_region: Some(bucket.region().to_owned()), ..HeadBucketOutput::default() };
        Ok(answer_with(output, "x-amz-bucket-arn", &bucket.arn()))
    })
    .await
}
