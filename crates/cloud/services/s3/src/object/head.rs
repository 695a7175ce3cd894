//! HeadObject.

use s3s::dto::{HeadObjectInput, HeadObjectOutput};
use s3s::{S3Request, S3Response, S3Result};

use super::super::request::{answer_with, blocking, bucket, check_version, refuse_customer_key, subject};
use super::super::store::Store;
use super::condition::ReadConditions;
use super::describe::describe;
use super::range::Slice;

pub(crate) async fn head(store: &Store, request: S3Request<HeadObjectInput>) -> S3Result<S3Response<HeadObjectOutput>> {
    let caller = subject(&request)?;
    let (store, input) = (store.clone(), request.input);
    refuse_customer_key(input.sse_customer_algorithm.as_deref())?;
    blocking(move || {
        let owner = input.expected_bucket_owner.as_deref();
        let bucket = bucket(&store, &caller, &input.bucket, owner, "s3:GetObject")?;
        check_version(input.version_id.as_deref())?;
        let object = store.find_object(&bucket, &input.key)?;
        ReadConditions {
            matches: input.if_match.as_ref(),
            none_match: input.if_none_match.as_ref(),
            modified_since: input.if_modified_since.as_ref(),
            unmodified_since: input.if_unmodified_since.as_ref(),
            now: store.now(),
        }
        .check(&object)?;
        let slice = Slice::of(&object, input.range.as_ref(), input.part_number)?;
        let tags = object.tags.len();
        let output = describe!(HeadObjectOutput, object, slice, input.checksum_mode);
        if tags == 0 {
            return Ok(S3Response::new(output));
        }
        Ok(answer_with(output, "x-amz-tagging-count", &tags.to_string()))
    })
    .await
}
