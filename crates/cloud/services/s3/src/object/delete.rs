//! DeleteObject and DeleteObjects.

use s3s::dto::{
    DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput, DeleteObjectsOutput, DeletedObject, ETagCondition, Error,
};
use s3s::{S3Error, S3ErrorCode, S3Request, S3Result};

use super::super::error::{message, plain};
use super::super::request::{blocking, bucket, check_version, seconds, subject};
use super::super::store::{DeleteCondition, Store};

/// The most keys of one DeleteObjects.
const MAX_KEYS: usize = 1000;

pub(crate) async fn delete(store: &Store, request: S3Request<DeleteObjectInput>) -> S3Result<DeleteObjectOutput> {
    let caller = subject(&request)?;
    let (store, input) = (store.clone(), request.input);
    blocking(move || {
        let owner = input.expected_bucket_owner.as_deref();
        let bucket = bucket(&store, &caller, &input.bucket, owner, "s3:DeleteObject")?;
        check_version(input.version_id.as_deref())?;
        let condition = DeleteCondition {
            etag: input.if_match.as_ref().map(|condition| match condition {
                ETagCondition::Any => "*".to_owned(),
                ETagCondition::ETag(etag) => etag.value().to_owned(),
            }),
            size: input.if_match_size.and_then(|size| u64::try_from(size).ok()),
            modified: input.if_match_last_modified_time.as_ref().and_then(seconds),
        };
        for result in store.delete_objects(&bucket, &[(input.key, condition)])? {
            result?;
        }
        Ok(DeleteObjectOutput::default())
    })
    .await
}

pub(crate) async fn delete_many(
    store: &Store,
    request: S3Request<DeleteObjectsInput>,
) -> S3Result<DeleteObjectsOutput> {
    let caller = subject(&request)?;
    let (store, input) = (store.clone(), request.input);
    if input.delete.objects.is_empty() || input.delete.objects.len() > MAX_KEYS {
        return Err(S3ErrorCode::MalformedXML.into());
    }
    blocking(move || {
        let owner = input.expected_bucket_owner.as_deref();
        let bucket = bucket(&store, &caller, &input.bucket, owner, "s3:DeleteObject")?;
        let quiet = input.delete.quiet == Some(true);
        let mut keys = Vec::new();
        let mut errors = Vec::new();
        for object in input.delete.objects {
            // Here no version is impossible: each key is answered for itself.
            if object.version_id.as_deref().is_some_and(|version| version != "null") {
                errors.push(failure(&object.key, object.version_id, &plain(S3ErrorCode::NoSuchVersion)));
                continue;
            }
            let condition = DeleteCondition {
                etag: object.e_tag.map(|etag| etag.value().to_owned()),
                size: object.size.and_then(|size| u64::try_from(size).ok()),
                modified: object.last_modified_time.as_ref().and_then(seconds),
            };
            keys.push((object.key, condition));
        }
        let results = store.delete_objects(&bucket, &keys)?;
        let mut deleted = Vec::new();
        for ((key, _), result) in keys.into_iter().zip(results) {
            match result {
                Ok(()) if quiet => {}
                Ok(()) => deleted.push(DeletedObject { key: Some(key), ..DeletedObject::default() }),
                Err(error) => errors.push(failure(&key, None, &error.into())),
            }
        }
        Ok(DeleteObjectsOutput {
            deleted: Some(deleted).filter(|deleted| !deleted.is_empty()),
            errors: Some(errors).filter(|errors| !errors.is_empty()),
            ..DeleteObjectsOutput::default()
        })
    })
    .await
}

fn failure(key: &str, version: Option<String>, error: &S3Error) -> Error {
    let code = error.code().as_str();
    Error {
        code: Some(code.to_owned()),
        key: Some(key.to_owned()),
        message: error.message().or_else(|| message(code)).map(str::to_owned),
        version_id: version,
    }
}
