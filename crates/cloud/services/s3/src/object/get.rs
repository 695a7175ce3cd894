//! GetObject.

use std::io::{Seek as _, SeekFrom};

use s3s::dto::{GetObjectInput, GetObjectOutput, StreamingBlob};
use s3s::{Body, S3Error, S3Request, S3Result};

use super::super::body::{FileStream, read_start};
use super::super::request::{blocking, bucket, check_version, count, refuse_customer_key, subject};
use super::super::store::Store;
use super::archive::check_archived;
use super::condition::ReadConditions;
use super::describe::describe;
use super::range::Slice;

pub(crate) async fn get(store: &Store, request: S3Request<GetObjectInput>) -> S3Result<GetObjectOutput> {
    let caller = subject(&request)?;
    let (store, input) = (store.clone(), request.input);
    refuse_customer_key(input.sse_customer_algorithm.as_deref())?;
    blocking(move || {
        let owner = input.expected_bucket_owner.as_deref();
        let bucket = bucket(&store, &caller, &input.bucket, owner, "s3:GetObject")?;
        check_version(input.version_id.as_deref())?;
        let (object, mut file) = store.open_object(&bucket, &input.key)?;
        ReadConditions {
            matches: input.if_match.as_ref(),
            none_match: input.if_none_match.as_ref(),
            modified_since: input.if_modified_since.as_ref(),
            unmodified_since: input.if_unmodified_since.as_ref(),
            now: store.now(),
        }
        .check(&object)?;
        check_archived(&object)?;
        let slice = Slice::of(&object, input.range.as_ref(), input.part_number)?;
        if slice.start > 0 {
            file.seek(SeekFrom::Start(slice.start)).map_err(S3Error::internal_error)?;
        }
        let (start, left) = read_start(&mut file, slice.length).map_err(S3Error::internal_error)?;
        let body = match left {
            0 => StreamingBlob::from(Body::from(start)),
            left => StreamingBlob::new(FileStream::new(start, file, left)),
        };
        let tags = Some(object.tags.len()).filter(|tags| *tags > 0).map(count);
        let described = describe!(GetObjectOutput, object, slice, input.checksum_mode);
        Ok(GetObjectOutput { body: Some(body), tag_count: tags, ..described })
    })
    .await
}
