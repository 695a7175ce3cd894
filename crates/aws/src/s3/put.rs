//! Uploads.

use std::path::Path;

use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use sagewright_port::cloud::{CloudError, Target};
use serde_json::{Map, Value, json};

use super::body::{Part, size};
use super::{ObjectInfo, multipart, persist};
use crate::client::{Aws, Request, token, whole};
use crate::failure;
use crate::protocol::{self, WireResponse};
use crate::transport::BodySigning;

/// Files above this go in parts.
pub(super) const SINGLE_MAX: u64 = 64 * 1024 * 1024;

/// Uploads a file, in parts where it is large. The file is read as it is sent, never held in memory.
///
/// # Errors
/// As for every call; `UnreadableFile` where the file cannot be read.
pub async fn put_file(
    aws: &Aws,
    target: &Target,
    path: impl AsRef<Path>,
    bucket: &str,
    key: &str,
    content_type: Option<&str>,
) -> Result<ObjectInfo, CloudError> {
    let path = path.as_ref();
    let length = size(path).await.map_err(|e| unreadable_file("PutObject", e))?;
    if length > SINGLE_MAX {
        return multipart::put(aws, target, path, length, bucket, key, content_type).await;
    }
    let part = Part { path: path.to_owned(), offset: 0, length };
    let input = json!({"Bucket": bucket, "Key": key, "ContentType": content_type});
    let response = send_part(aws, target, "PutObject", &input, &part).await?;
    Ok(info(key, length, content_type, &response))
}

/// Uploads bytes.
///
/// # Errors
/// As for every call.
pub async fn put_bytes(
    aws: &Aws,
    target: &Target,
    bucket: &str,
    key: &str,
    body: Bytes,
    content_type: Option<&str>,
) -> Result<ObjectInfo, CloudError> {
    let length = body.len() as u64;
    let input = json!({"Bucket": bucket, "Key": key, "ContentType": content_type});
    let response = persist::persist(aws, || {
        let body = (SdkBody::from(body.clone()), BodySigning::Bytes);
        send(aws, target, "PutObject", &input, Some(body), length)
    });
    let response = response.await?;
    Ok(info(key, length, content_type, &response))
}

fn info(key: &str, size: u64, content_type: Option<&str>, response: &WireResponse) -> ObjectInfo {
    ObjectInfo {
        key: key.to_owned(),
        size,
        etag: response.headers.get("etag").map(str::to_owned),
        content_type: content_type.map(str::to_owned),
        version_id: response.headers.get("x-amz-version-id").map(str::to_owned),
        last_modified: None,
    }
}

pub(super) fn unreadable_file(operation: &str, message: String) -> CloudError {
    failure::input(("s3", operation), "UnreadableFile", message)
}

/// Sends a part of a file as the body of an operation.
pub(super) async fn send_part(
    aws: &Aws,
    target: &Target,
    operation: &str,
    input: &Value,
    part: &Part,
) -> Result<WireResponse, CloudError> {
    let (service, _) = Aws::look_up("s3", operation)?;
    let bucket = input.get("Bucket").and_then(Value::as_str);
    let endpoint = aws
        .endpoint(target, service, bucket)
        .map_err(|message| failure::input(("s3", operation), "InvalidEndpoint", message))?;
    let tls = endpoint.is_tls();
    persist::persist(aws, || async move {
        let body = part.body(tls).await.map_err(|e| unreadable_file(operation, e))?;
        send(aws, target, operation, input, Some(body), part.length).await
    })
    .await
}

/// Sends an S3 operation whose body does not come from its input.
pub(super) async fn send(
    aws: &Aws,
    target: &Target,
    operation: &str,
    input: &Value,
    body: Option<(SdkBody, BodySigning)>,
    length: u64,
) -> Result<WireResponse, CloudError> {
    let (service, operation) = Aws::look_up("s3", operation)?;
    let place = (service.id, operation.name.as_str());
    let input: Map<String, Value> =
        input.as_object().cloned().unwrap_or_default().into_iter().filter(|(_, v)| !v.is_null()).collect();
    let mut request = protocol::encode(service, operation, &Value::Object(input), &token)
        .map_err(|error| failure::input(place, "InvalidInput", error.to_string()))?;
    if body.is_some() {
        // S3 takes no chunked bodies: the length is said even where the body is a stream.
        request.headers.push(("content-length".to_owned(), length.to_string()));
        if !request.headers.iter().any(|(n, _)| n.eq_ignore_ascii_case("content-type")) {
            request.headers.push(("content-type".to_owned(), "application/octet-stream".to_owned()));
        }
    }
    let call = Request { body, transfer: true, ..Request::new(target, service, operation, request) };
    let response = whole(aws.send(call).await?);
    // What stands between may answer in S3's place.
    if response.headers.get("etag").is_none() {
        return Err(persist::not_of_s3(place.1));
    }
    Ok(response)
}
