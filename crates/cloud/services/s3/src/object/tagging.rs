//! GetObjectTagging, PutObjectTagging and DeleteObjectTagging.

use s3s::dto::{
    DeleteObjectTaggingInput, DeleteObjectTaggingOutput, GetObjectTaggingInput, GetObjectTaggingOutput,
    PutObjectTaggingInput, PutObjectTaggingOutput, Tag,
};
use s3s::{S3Request, S3Result};

use super::super::request::{blocking, bucket, check_tags, check_version, subject, tag_pairs};
use super::super::store::Store;

pub(crate) async fn get_tagging(
    store: &Store,
    request: S3Request<GetObjectTaggingInput>,
) -> S3Result<GetObjectTaggingOutput> {
    let caller = subject(&request)?;
    let (store, input) = (store.clone(), request.input);
    blocking(move || {
        let owner = input.expected_bucket_owner.as_deref();
        let bucket = bucket(&store, &caller, &input.bucket, owner, "s3:GetObjectTagging")?;
        check_version(input.version_id.as_deref())?;
        let object = store.find_object(&bucket, &input.key)?;
        Ok(GetObjectTaggingOutput {
            tag_set: object.tags.into_iter().map(|(key, value)| Tag { key: Some(key), value: Some(value) }).collect(),
            version_id: None,
        })
    })
    .await
}

pub(crate) async fn put_tagging(
    store: &Store,
    request: S3Request<PutObjectTaggingInput>,
) -> S3Result<PutObjectTaggingOutput> {
    let caller = subject(&request)?;
    let (store, input) = (store.clone(), request.input);
    let tags = check_tags(tag_pairs(input.tagging.tag_set))?;
    blocking(move || {
        let owner = input.expected_bucket_owner.as_deref();
        let bucket = bucket(&store, &caller, &input.bucket, owner, "s3:PutObjectTagging")?;
        check_version(input.version_id.as_deref())?;
        store.set_tags(&bucket, &input.key, &tags)?;
        Ok(PutObjectTaggingOutput::default())
    })
    .await
}

pub(crate) async fn delete_tagging(
    store: &Store,
    request: S3Request<DeleteObjectTaggingInput>,
) -> S3Result<DeleteObjectTaggingOutput> {
    let caller = subject(&request)?;
    let (store, input) = (store.clone(), request.input);
    blocking(move || {
        let owner = input.expected_bucket_owner.as_deref();
        let bucket = bucket(&store, &caller, &input.bucket, owner, "s3:DeleteObjectTagging")?;
        check_version(input.version_id.as_deref())?;
        store.set_tags(&bucket, &input.key, &Vec::new())?;
        Ok(DeleteObjectTaggingOutput::default())
    })
    .await
}
