//! AWS's texts for what goes wrong with endpoints.

use std::fmt::Display;

use serde_json::json;

use super::pool::SendError;
use sagewright_cloud_core::api::ApiError;
use sagewright_cloud_sagemaker_base::ports::EndpointKey;

/// Longest message of the runtime model's `Message`.
const LONGEST_MESSAGE: usize = 2048;

/// `FailureReason`: the model could not be fetched.
pub(super) fn download(container: &str, uri: &str, why: &dyn Display) -> String {
    format!(
        "Failed to download model data for container \"{container}\" from URL: \"{uri}\". Please ensure that there is \
         an object located at the URL and that the role passed to CreateModel has permissions to download the model. \
         ({why})"
    )
}

/// `FailureReason`: the model could not be unpacked.
pub(super) fn extract(container: &str, uri: &str, why: &dyn Display) -> String {
    format!(
        "Failed to extract model data archive for container \"{container}\" from URL \"{uri}\". Please ensure that \
         the object located at the URL is a valid tar.gz archive. ({why})"
    )
}

/// `FailureReason`: a server never answered.
pub(super) fn unhealthy(container: &str, variant: &str, why: &str) -> String {
    let text = format!(
        "The {container} container for production variant {variant} did not pass the ping health check. Please check \
         CloudWatch logs for this endpoint."
    );
    if why.is_empty() { text } else { format!("{text} ({why})") }
}

/// `FailureReason` of a transform job: a server never answered.
pub(super) fn unhealthy_batch(container: &str, why: &str) -> String {
    let text = format!(
        "AlgorithmError: The {container} container did not pass the ping health check. See job logs for more information"
    );
    if why.is_empty() { text } else { format!("{text} ({why})") }
}

/// A `ValidationError` of the runtime API.
pub(super) fn validation(message: impl Into<String>) -> ApiError {
    ApiError::new("ValidationError", 400, message)
}

/// There is no such endpoint, or it does not serve yet.
pub(super) fn no_endpoint(endpoint: &EndpointKey) -> ApiError {
    validation(format!("Endpoint {} of account {} not found.", endpoint.name, endpoint.account))
}

/// There is no such variant.
pub(super) fn no_variant(variant: &str, endpoint: &EndpointKey) -> ApiError {
    let EndpointKey { account, name, .. } = endpoint;
    validation(format!("Could not find variant {variant} for endpoint {name} of account {account}."))
}

/// The request asks for one of many models, and there is one.
pub(super) fn one_model(endpoint: &EndpointKey) -> ApiError {
    validation(format!(
        "Endpoint {} is not a multi-model endpoint and does not support target model header.",
        endpoint.name
    ))
}

/// There are many models, and the request asks for none.
pub(super) fn no_target(request_id: &str) -> ApiError {
    validation(format!("Request {request_id} is missing a target model header."))
}

/// The request asks for a container, and a request passes all.
pub(super) fn not_direct(variant: &str) -> ApiError {
    validation(format!(
        "Variant {variant} does not support a target container hostname: its model's InferenceExecutionConfig has not \
         the mode Direct."
    ))
}

/// The containers are asked one by one, and the request asks for none.
pub(super) fn no_container(request_id: &str) -> ApiError {
    validation(format!("Request {request_id} is missing a target container hostname header."))
}

/// There is no archive of this model.
pub(super) fn no_model(bucket: &str, key: &str) -> ApiError {
    validation(format!(
        "Failed to download model data(bucket: {bucket}, key: {key}). Please ensure that there is an object located at \
         the URL and that the role passed to CreateModel has permissions to download the model."
    ))
}

/// A serverless variant has as many requests as it takes.
pub(super) fn throttled() -> ApiError {
    ApiError::new("ThrottlingException", 400, "Rate exceeded")
}

/// A serverless variant's servers are not up yet.
pub(super) fn provisioning(variant: &str) -> ApiError {
    let text =
        format!("The resources of serverless variant {variant} are still being provisioned. Try your call again.");
    ApiError::new("ModelNotReadyException", 429, text)
}

/// The model is still being loaded.
pub(super) fn not_ready(target: &str) -> ApiError {
    ApiError::new("ModelNotReadyException", 429, format!("Model {target} is not ready yet. Try your call again."))
}

/// A container whose time is over.
pub(super) fn late(container: &str) -> String {
    format!(
        "Your invocation timed out while waiting for a response from container {container}. Review the latency metrics for \
         each container in Amazon CloudWatch, resolve the issue, and try again."
    )
}

/// There is no such session, or no more.
pub(super) fn no_session(id: &str, endpoint: &EndpointKey) -> ApiError {
    validation(format!("Session {id} of endpoint {} was not found, or has ended.", endpoint.name))
}

/// Requests go through the endpoint's queue.
pub(super) fn only_asynchronous(endpoint: &EndpointKey) -> ApiError {
    validation(format!(
        "Endpoint {} of account {} has an AsyncInferenceConfig and takes asynchronous invocations only. Use InvokeEndpointAsync.",
        endpoint.name, endpoint.account
    ))
}

/// The endpoint has no queue.
pub(super) fn not_asynchronous(endpoint: &EndpointKey) -> ApiError {
    validation(format!(
        "Endpoint {} of account {} has no AsyncInferenceConfig and does not take asynchronous invocations.",
        endpoint.name, endpoint.account
    ))
}

/// The endpoint's answers cannot be streamed.
pub(super) fn no_stream(endpoint: &EndpointKey, why: &str) -> ApiError {
    validation(format!("Endpoint {} does not support response streaming: {why}.", endpoint.name))
}

/// A server that did not answer.
pub(super) fn silent(container: &str, why: &SendError, limit: usize) -> String {
    match why {
        SendError::Refused => format!("Container {container} cannot be reached."),
        SendError::Broken(why) => format!("Container {container} closed the connection before it answered: {why}"),
        SendError::TooLong => format!("The answer of container {container} is longer than {limit} bytes."),
    }
}

/// A member of the request that is not served here.
pub(super) fn refused(member: &str) -> ApiError {
    validation(format!(
        "{member} is not supported by the embedded cloud; leave it out, or use a real AWS account (unset AWS_ENDPOINT_URL)."
    ))
}

/// No server answers now.
pub(super) fn unavailable(endpoint: &EndpointKey) -> ApiError {
    let text = format!("No instance of endpoint {} can take the request now. Try your call again.", endpoint.name);
    ApiError::new("ServiceUnavailable", 503, text)
}

/// The body is too long. AWS's gateway answers so before the service sees it.
pub(super) fn too_large(limit: usize) -> ApiError {
    ApiError::new("413", 413, format!("HTTP content length exceeded {limit} bytes."))
}

/// The model answered with an error (`status`), or did not answer (status 0).
pub(super) fn model(endpoint: &EndpointKey, container: &str, status: u16, text: &str) -> ApiError {
    let EndpointKey { account, region, name } = endpoint;
    let side = if (400..500).contains(&status) { "client" } else { "server" };
    let group = format!("/aws/sagemaker/Endpoints/{name}");
    let link = format!(
        "https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}#logEventViewer:group={group} in \
         account {account} for more information."
    );
    let text: String = text.chars().take(LONGEST_MESSAGE).collect();
    let room = LONGEST_MESSAGE.saturating_sub(link.len() + 128);
    let shown: String = text.chars().take(room).collect();
    let message = format!("Received {side} error ({status}) from {container} with message \"{shown}\". See {link}");
    let mut error = ApiError::new("ModelError", 424, message);
    error.members.insert("OriginalStatusCode".into(), json!(status));
    error.members.insert("OriginalMessage".into(), json!(text));
    let partition = region.parse::<sagewright_model::Region>().map_or("aws", |r| r.partition().id.as_str());
    let arn = format!("arn:{partition}:logs:{region}:{account}:log-group:{group}");
    error.members.insert("LogStreamArn".into(), json!(arn));
    error
}
