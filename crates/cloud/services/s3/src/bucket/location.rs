//! GetBucketLocation.

use s3s::dto::{BucketLocationConstraint, GetBucketLocationInput, GetBucketLocationOutput};
use s3s::{S3Request, S3Result};

use super::super::request::{blocking, bucket, subject};
use super::super::store::Store;
use super::create::DEFAULT_REGION;

pub(crate) async fn location(
    store: &Store,
    request: S3Request<GetBucketLocationInput>,
) -> S3Result<GetBucketLocationOutput> {
    let caller = subject(&request)?;
    let (store, input) = (store.clone(), request.input);
    blocking(move || {
        let owner = input.expected_bucket_owner.as_deref();
        let bucket = bucket(&store, &caller, &input.bucket, owner, "s3:GetBucketLocation")?;
        Ok(GetBucketLocationOutput {
            // An absent constraint means us-east-1.
            location_constraint: Some(bucket.location)
                .filter(|region| region != DEFAULT_REGION)
                .map(BucketLocationConstraint::from),
        })
    })
    .await
}
