//! Uploads in parts: some at a time, each with its own retries, given up together.

use std::path::Path;
use std::time::SystemTime;

use sagewright_port::cloud::{CloudError, Target};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::body::Part;
use super::put::{send_part, unreadable_file};
use super::{ObjectInfo, head, persist};
use crate::client::Aws;
use crate::failure;

/// Smallest part; S3 takes 5 MiB to 5 GiB, and 10,000 parts.
const PART: u64 = 16 * 1024 * 1024;
const MAX_PARTS: u64 = 10_000;
/// Parts under way at a time.
const PARALLEL: usize = 4;

/// The parts of a file: number and range.
pub(super) fn ranges(length: u64) -> Vec<(u64, u64, u64)> {
    let part = PART.max(length.div_ceil(MAX_PARTS));
    (0..length.div_ceil(part)).map(|i| (i + 1, i * part, part.min(length - i * part))).collect()
}

pub(super) async fn put(
    aws: &Aws,
    target: &Target,
    path: &Path,
    length: u64,
    bucket: &str,
    key: &str,
    content_type: Option<&str>,
) -> Result<ObjectInfo, CloudError> {
    let (upload, mut parts_left) = begin(aws, target, bucket, key, content_type).await?;
    let before = stamp(path).await?;
    let parts = send_all(aws, target, path, length, bucket, key, &upload).await?;
    if before.0 != length || stamp(path).await? != before {
        // Each part would be whole, and the object a mixture.
        let message = format!("{} changed while it was uploaded; run it again", path.display());
        return Err(failure::input(("s3", "UploadPart"), "ChangedFile", message));
    }
    let input = json!({"Bucket": bucket, "Key": key, "UploadId": upload, "MultipartUpload": {"Parts": parts}});
    let output = complete(aws, target, bucket, key, length, input).await?;
    parts_left.settled = true;
    Ok(ObjectInfo {
        key: key.to_owned(),
        size: length,
        etag: output.get("ETag").and_then(Value::as_str).map(str::to_owned),
        content_type: content_type.map(str::to_owned),
        version_id: output.get("VersionId").and_then(Value::as_str).map(str::to_owned),
        last_modified: None,
    })
}

/// Begins an upload. Where whoever asked for it is gone before its id is known, it is taken away again.
async fn begin(
    aws: &Aws,
    target: &Target,
    bucket: &str,
    key: &str,
    content_type: Option<&str>,
) -> Result<(String, PartsLeft), CloudError> {
    let create = json!({"Bucket": bucket, "Key": key, "ContentType": content_type});
    let (mut abort, own, of) = (json!({"Bucket": bucket, "Key": key}), aws.clone(), target.clone());
    let (tell, told) = oneshot::channel();
    aws.tidy_up(async move {
        let begun = persist::call(&own, &of, "CreateMultipartUpload", create).await.and_then(|created| {
            let Some(upload) = created.get("UploadId").and_then(Value::as_str).map(str::to_owned) else {
                let message = "S3 started a multipart upload but returned no upload ID".to_owned();
                return Err(failure::unreadable(("s3", "CreateMultipartUpload"), message));
            };
            abort["UploadId"] = json!(upload);
            Ok((upload, PartsLeft { aws: own.clone(), target: of.clone(), input: abort, settled: false }))
        });
        drop(tell.send(begun));
    });
    let ended =
        |_| failure::input(("s3", "CreateMultipartUpload"), "Interrupted", "the upload was given up".to_owned());
    told.await.map_err(ended)?
}

/// What shows that a file is still the one that it was.
async fn stamp(path: &Path) -> Result<(u64, SystemTime), CloudError> {
    let stamp = async {
        let metadata = tokio::fs::metadata(path).await?;
        Ok::<_, std::io::Error>((metadata.len(), metadata.modified()?))
    };
    let failed = |error| unreadable_file("UploadPart", format!("failed to read {}: {error}", path.display()));
    stamp.await.map_err(failed)
}

/// Puts the parts together. Where S3 no longer knows the upload, an answer was lost that said it was done.
async fn complete(
    aws: &Aws,
    target: &Target,
    bucket: &str,
    key: &str,
    length: u64,
    input: Value,
) -> Result<Value, CloudError> {
    match persist::call(aws, target, "CompleteMultipartUpload", input).await {
        Err(error) if error.code == "NoSuchUpload" => match head(aws, target, bucket, key).await? {
            Some(object) if object.size == length => Ok(json!({"ETag": object.etag, "VersionId": object.version_id})),
            _ => Err(error),
        },
        result => result,
    }
}

/// Parts of an unfinished upload are stored, and charged, until someone removes them: where it failed, and where it is cut
/// off. That goes on in the background, so that a dead network does not hold up the failure: see [`Aws::tidied`].
struct PartsLeft {
    aws: Aws,
    target: Target,
    input: Value,
    settled: bool,
}

impl Drop for PartsLeft {
    fn drop(&mut self) {
        if !self.settled {
            let (aws, target, input) = (self.aws.clone(), self.target.clone(), self.input.take());
            self.aws.tidy_up(async move { remove(&aws, &target, input).await });
        }
    }
}

async fn remove(aws: &Aws, target: &Target, input: Value) {
    let upload = input.to_string();
    if let Err(left) = persist::call(aws, target, "AbortMultipartUpload", input).await
        // It is gone: completed, or removed by somebody else.
        && left.code != "NoSuchUpload"
    {
        tracing::warn!(upload, error = %left, "parts of a failed upload were left in S3");
    }
}

async fn send_all(
    aws: &Aws,
    target: &Target,
    path: &Path,
    length: u64,
    bucket: &str,
    key: &str,
    upload: &str,
) -> Result<Vec<Value>, CloudError> {
    let mut waiting = ranges(length).into_iter();
    let mut running: JoinSet<Result<(u64, Value), CloudError>> = JoinSet::new();
    let mut parts = Vec::new();
    loop {
        while running.len() < PARALLEL
            && let Some((number, offset, length)) = waiting.next()
        {
            let (aws, target) = (aws.clone(), target.clone());
            let part = Part { path: path.to_owned(), offset, length };
            let input = json!({"Bucket": bucket, "Key": key, "UploadId": upload, "PartNumber": number});
            running.spawn(async move {
                let response = send_part(&aws, &target, "UploadPart", &input, &part).await?;
                Ok((number, json!({"PartNumber": number, "ETag": response.headers.get("etag")})))
            });
        }
        match running.join_next().await {
            Some(Ok(Ok(part))) => parts.push(part),
            // Dropping the set ends the parts under way.
            Some(Ok(Err(error))) => return Err(error),
            Some(Err(error)) => {
                let message = format!("a part of the upload ended early: {error}");
                return Err(failure::transport(("s3", "UploadPart"), "Interrupted", message));
            }
            None => break,
        }
    }
    parts.sort_by_key(|(number, _)| *number);
    Ok(parts.into_iter().map(|(_, part)| part).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_the_file_within_the_limits_of_s3() {
        for length in [PART, PART + 1, 70_000_000, 5 << 40] {
            let parts = ranges(length);
            assert!(parts.len() as u64 <= MAX_PARTS, "{length}");
            let mut end = 0;
            for (i, (number, offset, size)) in parts.iter().enumerate() {
                assert_eq!((*number, *offset), (i as u64 + 1, end));
                assert!(*size > 0 && (*size >= 5 << 20 || i + 1 == parts.len()), "{length}: part of {size}");
                end += size;
            }
            assert_eq!(end, length);
        }
    }
}
