//! Inference without detours: bytes in, bytes out, over kept connections.

use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use sagewright_port::cloud::{CloudError, Target};
use serde_json::json;

use crate::client::{Aws, Request, token, whole};
use crate::failure;
use crate::protocol;
use crate::transport::BodySigning;

/// What an endpoint is asked.
#[derive(Debug, Clone, Default)]
pub struct InvokeRequest<'a> {
    /// Name of the endpoint.
    pub endpoint: &'a str,
    /// MIME type of the body.
    pub content_type: Option<&'a str>,
    /// MIME type wanted of the answer.
    pub accept: Option<&'a str>,
    /// Variant to invoke.
    pub variant: Option<&'a str>,
    /// Model to invoke, of an endpoint with many: its archive's key below the model's `ModelDataUrl`.
    pub model: Option<&'a str>,
    /// Container to invoke, by its host name, of an endpoint with direct invocation.
    pub container: Option<&'a str>,
    /// What the model gets.
    pub body: Bytes,
    /// Sent at once and one time only, whatever was answered before: for whoever measures the endpoint.
    pub once: bool,
}

/// What an endpoint answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvokeResponse {
    /// The model's answer.
    pub body: Bytes,
    /// Its MIME type.
    pub content_type: Option<String>,
    /// The production variant that answered.
    pub variant: Option<String>,
}

/// Invokes a real-time endpoint (`InvokeEndpoint`).
///
/// # Errors
/// As for every call; `ModelError` where the container failed.
pub async fn invoke(aws: &Aws, target: &Target, request: InvokeRequest<'_>) -> Result<InvokeResponse, CloudError> {
    let (service, operation) = Aws::look_up("sagemaker-runtime", "InvokeEndpoint")?;
    let place = (service.id, operation.name.as_str());
    let InvokeRequest { endpoint, content_type, accept, variant, model, container, body, once } = request;
    let input = json!({
        "EndpointName": endpoint, "ContentType": content_type, "Accept": accept, "TargetVariant": variant,
        "TargetModel": model, "TargetContainerHostname": container,
    });
    let mut request = protocol::encode(service, operation, &input, &token)
        .map_err(|error| failure::input(place, "InvalidInput", error.to_string()))?;
    if content_type.is_none() {
        request.headers.push(("content-type".to_owned(), "application/octet-stream".to_owned()));
    }
    let body = Some((SdkBody::from(body), BodySigning::Bytes));
    let call = Request { body, once, ..Request::new(target, service, operation, request) };
    let response = whole(aws.send(call).await?);
    let header = |name: &str| response.headers.get(name).map(str::to_owned);
    let content_type = header("content-type");
    let variant = header("x-amzn-invoked-production-variant");
    Ok(InvokeResponse { content_type, variant, body: response.body })
}
