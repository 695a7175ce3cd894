//! Downloads.

use std::path::{Path, PathBuf};

use aws_smithy_async::rt::sleep::AsyncSleep as _;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use sagewright_port::cloud::{Class, CloudError, Target};
use sagewright_port::retry;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

use super::{Object, ObjectInfo, persist};
use crate::client::{Aws, Request, token};
use crate::failure;
use crate::protocol::{self, WireResponse};
use crate::transport::Reply;

/// How often a download that makes no progress is taken up again.
const RESUMES: u32 = 8;
/// Bytes that count as progress: a server that sends a few and stops would be asked for ever.
const PROGRESS: u64 = 64 << 10;

/// What is known of an object; none where it does not exist.
///
/// # Errors
/// As for every call.
pub async fn head(aws: &Aws, target: &Target, bucket: &str, key: &str) -> Result<Option<ObjectInfo>, CloudError> {
    match persist::call(aws, target, "HeadObject", json!({"Bucket": bucket, "Key": key})).await {
        Ok(output) => {
            let text = |name: &str| output.get(name).and_then(Value::as_str).map(str::to_owned);
            Ok(Some(ObjectInfo {
                key: key.to_owned(),
                size: output.get("ContentLength").and_then(Value::as_u64).unwrap_or_default(),
                etag: text("ETag"),
                content_type: text("ContentType"),
                last_modified: text("LastModified"),
                version_id: text("VersionId"),
            }))
        }
        Err(error) if error.status == Some(404) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reads an object into memory.
///
/// # Errors
/// As for every call.
pub async fn get_bytes(aws: &Aws, target: &Target, bucket: &str, key: &str) -> Result<Object, CloudError> {
    persist::persist(aws, || async {
        let (head, body) = open(aws, target, bucket, key, None).await?;
        let body = body.collect().await.map_err(|e| broken(key, &*e))?.to_bytes();
        Ok(Object { info: info(key, &head), body })
    })
    .await
}

/// Writes an object to a file, which appears whole or not at all. A connection that breaks is taken up where it
/// broke, as long as the object is still the same.
///
/// # Errors
/// As for every call; `UnwritableFile` where the file cannot be written.
pub async fn get_to_file(
    aws: &Aws,
    target: &Target,
    bucket: &str,
    key: &str,
    path: impl AsRef<Path>,
) -> Result<ObjectInfo, CloudError> {
    let path = path.as_ref();
    // The finished file takes the place of what is there: a device or a folder must not be lost to it.
    if let Ok(there) = tokio::fs::metadata(path).await
        && !there.is_file()
    {
        let kind = std::io::Error::other("it exists and is not a regular file");
        return Err(unwritable(path, &kind));
    }
    let partial = Partial::beside(path);
    let mut file = tokio::fs::File::create(&partial.0).await.map_err(|e| unwritable(&partial.0, &e))?;
    let (head, mut body) = open(aws, target, bucket, key, None).await?;
    let mut info = info(key, &head);
    let (mut written, mut fruitless) = (0_u64, 0);
    let resumes = if aws.inner().transport.max_attempts() > 1 { RESUMES } else { 1 };
    loop {
        let before = written;
        let failed = copy(&mut body, &mut file, &mut written).await.map_err(|e| unwritable(&partial.0, &e))?;
        match failed {
            None if written >= info.size => break,
            failed => {
                fruitless = if written - before >= PROGRESS { 0 } else { fruitless + 1 };
                let why = failed.unwrap_or_else(|| "it ended early".to_owned());
                let message = format!("the download of s3://{bucket}/{key} broke off at byte {written}: {why}");
                let error = failure::transport(("s3", "GetObject"), "AnswerBroken", message);
                // Without an entity tag the rest might be of another object.
                let Some(etag) = info.etag.as_deref().filter(|_| fruitless < resumes) else { return Err(error) };
                tracing::debug!(bucket, key, written, "taking up a broken download");
                if let (true, Some(pause)) = (fruitless > 0, retry::next(Class::Transient, fruitless, None, None)) {
                    aws.inner().sleep.sleep(pause).await;
                }
                let rest = open(aws, target, bucket, key, Some((written, etag))).await;
                body = rest.map_err(|error| changed(bucket, key, error))?.1;
            }
        }
    }
    // An answer without a length says its size by ending.
    info.size = written;
    file.flush().await.map_err(|e| unwritable(path, &e))?;
    file.sync_all().await.map_err(|e| unwritable(path, &e))?;
    drop(file);
    tokio::fs::rename(&partial.0, path).await.map_err(|e| unwritable(path, &e))?;
    Ok(info)
}

/// Writes what comes; says why it stopped coming, where that was not the end.
async fn copy(body: &mut SdkBody, file: &mut tokio::fs::File, written: &mut u64) -> std::io::Result<Option<String>> {
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => {
                if let Some(data) = frame.data_ref() {
                    file.write_all(data).await?;
                    *written += data.len() as u64;
                }
            }
            Err(error) => return Ok(Some(crate::config::chain(&*error))),
        }
    }
    Ok(None)
}

/// A file beside the wanted one, removed unless it was renamed.
struct Partial(PathBuf);

impl Partial {
    fn beside(path: &Path) -> Self {
        // Without the wanted name, which may be as long as names can be.
        Self(path.with_file_name(format!(".{}.partial", token())))
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn unwritable(path: &Path, error: &std::io::Error) -> CloudError {
    let message = format!("failed to write {}: {error}", path.display());
    failure::input(("s3", "GetObject"), "UnwritableFile", message)
}

fn broken(key: &str, error: &(dyn std::error::Error + 'static)) -> CloudError {
    let message = format!("the download of '{key}' broke off: {}", crate::config::chain(error));
    failure::transport(("s3", "GetObject"), "AnswerBroken", message)
}

/// Says what it means that S3 no longer has the object of the entity tag.
fn changed(bucket: &str, key: &str, error: CloudError) -> CloudError {
    if error.status != Some(412) {
        return error;
    }
    CloudError { message: format!("s3://{bucket}/{key} changed during the download; run it again"), ..error }
}

fn info(key: &str, head: &WireResponse) -> ObjectInfo {
    let header = |name: &str| head.headers.get(name).map(str::to_owned);
    ObjectInfo {
        key: key.to_owned(),
        size: header("content-length").and_then(|l| l.parse().ok()).unwrap_or_default(),
        etag: header("etag"),
        content_type: header("content-type"),
        last_modified: header("last-modified").map(|t| protocol::to_rfc3339(&t)),
        version_id: header("x-amz-version-id"),
    }
}

/// Begins a download, or the rest of one, persistently.
async fn open(
    aws: &Aws,
    target: &Target,
    bucket: &str,
    key: &str,
    rest: Option<(u64, &str)>,
) -> Result<(WireResponse, SdkBody), CloudError> {
    persist::persist(aws, || open_once(aws, target, bucket, key, rest)).await
}

async fn open_once(
    aws: &Aws,
    target: &Target,
    bucket: &str,
    key: &str,
    rest: Option<(u64, &str)>,
) -> Result<(WireResponse, SdkBody), CloudError> {
    let (service, operation) = Aws::look_up("s3", "GetObject")?;
    let place = (service.id, operation.name.as_str());
    let mut input = json!({"Bucket": bucket, "Key": key});
    if let Some((offset, etag)) = rest {
        input["Range"] = Value::from(format!("bytes={offset}-"));
        input["IfMatch"] = Value::from(etag);
    }
    let request = protocol::encode(service, operation, &input, &token)
        .map_err(|error| failure::input(place, "InvalidInput", error.to_string()))?;
    let call = Request { streaming: true, transfer: true, ..Request::new(target, service, operation, request) };
    match aws.send(call).await? {
        Reply::Stream(head, _) if rest.is_some() && head.status != 206 => {
            let message = format!("the rest of s3://{bucket}/{key} was asked for, but the whole object was sent");
            Err(failure::transport(place, "AnswerBroken", message))
        }
        // What stands between may answer with a page of its own, which must not become the file.
        Reply::Stream(head, _) if head.headers.get("etag").is_none() => Err(persist::not_of_s3("GetObject")),
        Reply::Stream(head, body) => Ok((head, body)),
        Reply::Whole(whole) => {
            let body = whole.body.clone();
            Ok((WireResponse { body: Bytes::new(), ..whole }, SdkBody::from(body)))
        }
    }
}
