//! `AsyncInferenceConfig` of a configuration.

use serde_json::Value;

use sagewright_cloud_core::api::ApiError;
use sagewright_cloud_core::objects::parse_s3_uri;
use sagewright_cloud_sagemaker_base::refuse;

/// Checks what the service model does not say. SNS topics are not looked for: that they are missing fails no request.
///
/// # Errors
/// The configuration could not be served as it says.
pub(super) fn check(input: &Value) -> Result<(), ApiError> {
    let (config, capture) = (&input["AsyncInferenceConfig"], &input["DataCaptureConfig"]);
    if config.is_null() {
        return Ok(());
    }
    if !capture.is_null() && capture["EnableCapture"] != false {
        return Err(refuse::unsupported("DataCaptureConfig together with an AsyncInferenceConfig"));
    }
    let output = &config["OutputConfig"];
    if output["S3OutputPath"].is_null() {
        return Err(refuse::instead("AsyncInferenceConfig without an OutputConfig.S3OutputPath", "Set it"));
    }
    for member in ["S3OutputPath", "S3FailurePath"] {
        if let Some(uri) = output[member].as_str().filter(|uri| parse_s3_uri(uri).is_none()) {
            return Err(refuse::instead(
                &format!("AsyncInferenceConfig.OutputConfig.{member} {uri}"),
                "Name it as s3://BUCKET/PREFIX",
            ));
        }
    }
    Ok(())
}

/// Refuses what an asynchronous endpoint cannot serve, of a variant that has it.
///
/// # Errors
/// The variant has it, and requests would go through a queue.
pub(super) fn refuse_with(config: &Value, variant: &str, what: &str) -> Result<(), ApiError> {
    if config.is_null() {
        return Ok(());
    }
    Err(ApiError::validation(format!(
        "Production variant \"{variant}\" has {what}, which can not be served with an AsyncInferenceConfig."
    )))
}
