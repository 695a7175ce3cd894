//! GetBucketTagging: buckets have no tags.

use http::StatusCode;
use s3s::dto::{GetBucketTaggingInput, GetBucketTaggingOutput};
use s3s::{S3Request, S3Result};

use super::super::error::{custom, message};
use super::super::request::{blocking, bucket, subject};
use super::super::store::Store;

pub(crate) async fn get_tagging(
    store: &Store,
    request: S3Request<GetBucketTaggingInput>,
) -> S3Result<GetBucketTaggingOutput> {
    let caller = subject(&request)?;
    let (store, input) = (store.clone(), request.input);
    blocking(move || {
        let owner = input.expected_bucket_owner.as_deref();
        bucket(&store, &caller, &input.bucket, owner, "s3:GetBucketTagging")?;
        let code = "NoSuchTagSet";
        Err(custom(code, StatusCode::NOT_FOUND, message(code).unwrap_or(code)))
    })
    .await
}
