//! The request of a transform job, read into types once.

use std::collections::BTreeMap;
use std::time::Duration;

use sagewright_cloud_core::api::ApiError;
use sagewright_cloud_sagemaker_base::refuse;
use sagewright_cloud_sagemaker_base::resource::HIDDEN;
use sagewright_cloud_sagemaker_base::{ContainerPlan, inputs::within_limit};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::parameters::{Asked, MOST_IN_MB, Strategy};
use super::path::Path;
use super::processing::{Format, Processing};
use super::split::Split;
use crate::job::data::{Compression, Data};
use crate::job::location::Location;
use crate::job::request::s3;

/// How long a model may take to answer: SageMaker's 600 s.
const TIMEOUT_SECONDS: u64 = 600;
/// How often a request that failed is made again.
const RETRIES: u32 = 3;

/// What is to be done.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(super) data: Data,
    pub(super) content_type: Option<String>,
    pub(super) split: Split,
    pub(super) place: Location,
    pub(super) accept: Option<String>,
    /// Each answer ends a line.
    pub(super) assemble_lines: bool,
    pub(super) asked: Asked,
    pub(super) processing: Option<Processing>,
    /// Where the manifests of captured data go.
    pub(super) capture: Option<Location>,
    pub(super) environment: BTreeMap<String, String>,
    pub(super) instances: u32,
    pub(super) timeout: Duration,
    pub(super) retries: u32,
}

/// What the create operation found of the model, so that a model that is deleted meanwhile changes nothing.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Model {
    pub containers: Vec<ContainerPlan>,
    pub role_arn: Option<String>,
    pub isolated: bool,
    /// When the job was created, in seconds since 1970: what a second run writes must be under the names of the first one.
    pub created: i64,
}

impl Model {
    /// Of a request as the record keeps it.
    pub fn of(request: &Value) -> Result<Self, String> {
        Self::deserialize(&request[HIDDEN]["model"]).map_err(|e| {
            format!("InternalServerError: the stored containers of the job are damaged ({e}). Create it anew under another name.")
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    max_concurrent_transforms: Option<u64>,
    #[serde(default)]
    model_client_config: ModelClient,
    #[serde(rename = "MaxPayloadInMB")]
    max_payload_in_mb: Option<u64>,
    batch_strategy: Option<Strategy>,
    #[serde(default)]
    environment: BTreeMap<String, String>,
    transform_input: Input,
    transform_output: Output,
    transform_resources: Resources,
    data_capture_config: Option<Capture>,
    #[serde(default)]
    data_processing: DataProcessing,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ModelClient {
    invocations_timeout_in_seconds: Option<u64>,
    invocations_max_retries: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    data_source: DataSource,
    content_type: Option<String>,
    compression_type: Option<Compression>,
    #[serde(default)]
    split_type: Split,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DataSource {
    s3_data_source: S3Source,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct S3Source {
    s3_data_type: String,
    s3_uri: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Output {
    s3_output_path: String,
    accept: Option<String>,
    assemble_with: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Resources {
    instance_type: String,
    instance_count: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Capture {
    destination_s3_uri: String,
    #[serde(default)]
    generate_inference_id: bool,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DataProcessing {
    input_filter: Option<String>,
    output_filter: Option<String>,
    join_source: Option<String>,
}

impl Plan {
    /// Reads a request for a cloud that runs at most so many instances for it.
    ///
    /// # Errors
    /// AWS's, and refusals of what is not done here, by name.
    pub fn read(request: &Value, instances: u32) -> Result<Self, ApiError> {
        let request = Request::deserialize(request)
            .map_err(|e| ApiError::validation(format!("The request is not valid: {e}")))?;
        let Resources { instance_type, instance_count } = request.transform_resources;
        within_limit(instances, &instance_type, "transform job usage", instance_count.into())?;
        let asked = asked(request.max_concurrent_transforms, request.max_payload_in_mb, request.batch_strategy)?;
        let (input, output) = (request.transform_input, request.transform_output);
        let assemble_lines = output.assemble_with.as_deref() == Some("Line");
        let capture = request.data_capture_config;
        let identified = capture.as_ref().is_some_and(|capture| capture.generate_inference_id);
        let processing = processing(&request.data_processing, &input, &output, identified)?;
        let client = request.model_client_config;
        Ok(Self {
            data: Data {
                source: s3(&input.data_source.s3_data_source.s3_uri)?,
                manifest: manifest(&input.data_source.s3_data_source.s3_data_type)?,
                sharded: false,
                gunzip: input.compression_type == Some(Compression::Gzip),
            },
            content_type: input.content_type,
            split: input.split_type,
            place: s3(&output.s3_output_path)?,
            accept: output.accept,
            assemble_lines,
            asked,
            processing,
            capture: capture.map(|capture| s3(&capture.destination_s3_uri)).transpose()?,
            environment: request.environment,
            instances: instance_count,
            timeout: Duration::from_secs(client.invocations_timeout_in_seconds.unwrap_or(TIMEOUT_SECONDS)),
            retries: client.invocations_max_retries.unwrap_or(RETRIES),
        })
    }
}

/// What the S3 source is said to be. "The following value is not compatible: `AugmentedManifestFile`" (API reference,
/// `TransformS3DataSource`).
fn manifest(kind: &str) -> Result<bool, ApiError> {
    match kind {
        "S3Prefix" => Ok(false),
        "ManifestFile" => Ok(true),
        other => Err(ApiError::validation(format!(
            "TransformInput.DataSource.S3DataSource.S3DataType {other} is not supported for transform jobs. Use S3Prefix or ManifestFile."
        ))),
    }
}

fn asked(concurrent: Option<u64>, payload: Option<u64>, strategy: Option<Strategy>) -> Result<Asked, ApiError> {
    if payload == Some(0) {
        return Err(refuse::instead(
            "MaxPayloadInMB 0 (requests of any length in chunks)",
            "Set it to a number from 1 to 100, and split the input",
        ));
    }
    if let Some(payload) = payload.filter(|payload| *payload > MOST_IN_MB) {
        return Err(ApiError::validation(format!("MaxPayloadInMB is {payload}. It must not exceed {MOST_IN_MB} MB.")));
    }
    // "If MaxConcurrentTransforms is set to 0 or left unset, SageMaker checks the optional execution-parameters" (API
    // reference, `CreateTransformJob`).
    let concurrent = concurrent.filter(|concurrent| *concurrent > 0);
    if let (Some(concurrent), Some(payload)) = (concurrent, payload)
        && concurrent.saturating_mul(payload) > MOST_IN_MB
    {
        return Err(ApiError::validation(format!(
            "MaxConcurrentTransforms * MaxPayloadInMB is {concurrent} * {payload}. The product must not exceed {MOST_IN_MB} MB."
        )));
    }
    Ok(Asked { concurrent, payload_in_mb: payload, strategy })
}

/// "You must set both the `ContentType` and `Accept` parameters to one of the following values: `text/csv`,
/// `application/json`, or `application/jsonlines`", and `SplitType` and `AssembleWith` to `Line` for CSV (developer guide).
fn processing(
    processing: &DataProcessing,
    input: &Input,
    output: &Output,
    identified: bool,
) -> Result<Option<Processing>, ApiError> {
    let filter = |name: &str, text: &Option<String>| match text.as_deref() {
        None | Some("") => Ok(None),
        Some(text) => Path::parse(text).map_err(|why| ApiError::validation(format!("DataProcessing.{name}: {why}"))),
    };
    let input_filter = filter("InputFilter", &processing.input_filter)?;
    let output_filter = filter("OutputFilter", &processing.output_filter)?;
    let join = processing.join_source.as_deref() == Some("Input");
    let changes_output = join || output_filter.is_some() || identified;
    if input_filter.is_none() && !changes_output {
        return Ok(None);
    }
    let format = |member: &str, mime: &Option<String>| {
        mime.as_deref().and_then(Format::of).ok_or_else(|| {
            let given = mime.as_deref().map_or_else(|| "is not set".to_owned(), |mime| format!("is {mime}"));
            ApiError::validation(format!(
                "{member} {given}. With DataProcessing or GenerateInferenceId it must be text/csv, application/json or application/jsonlines."
            ))
        })
    };
    // What a filter of the answers alone does not look at may have any format.
    let output_format = if changes_output { Some(format("TransformOutput.Accept", &output.accept)?) } else { None };
    let reads_input = input_filter.is_some() || join;
    let input_format = if reads_input {
        format("TransformInput.ContentType", &input.content_type)?
    } else {
        input.content_type.as_deref().and_then(Format::of).or(output_format).unwrap_or(Format::Csv)
    };
    let output_format = output_format.unwrap_or(input_format);
    if join && input_format != output_format {
        return Err(ApiError::validation(
            "DataProcessing.JoinSource Input needs the same format in TransformInput.ContentType and TransformOutput.Accept: text/csv in both, or JSON in both.",
        ));
    }
    if !matches!(input.split_type, Split::None | Split::Line) {
        return Err(ApiError::validation(
            "DataProcessing reads text. TransformInput.SplitType must be Line or None with it.",
        ));
    }
    let lines = input.split_type == Split::Line;
    let assembled = output.assemble_with.as_deref() == Some("Line");
    for (csv, line, member) in [
        (reads_input && input_format == Format::Csv, lines, "TransformInput.SplitType"),
        (changes_output && output_format == Format::Csv, assembled, "TransformOutput.AssembleWith"),
    ] {
        if csv && !line {
            return Err(ApiError::validation(format!("{member} must be Line to process text/csv.")));
        }
    }
    for (name, filter, format) in
        [("InputFilter", &input_filter, input_format), ("OutputFilter", &output_filter, output_format)]
    {
        if format == Format::Csv && filter.as_ref().is_some_and(|filter| !filter.selects_columns()) {
            return Err(ApiError::validation(format!(
                "DataProcessing.{name} must select columns by their index for text/csv, as $[0] or $[1:]."
            )));
        }
    }
    let is_lines = |mime: &Option<String>| mime.as_deref().is_some_and(|mime| mime.contains("jsonlines"));
    Ok(Some(Processing {
        input: input_format,
        output: output_format,
        lines: lines || is_lines(&input.content_type) || is_lines(&output.accept),
        input_filter,
        join,
        output_filter,
        // It is known when the job runs.
        inference_time: identified.then(String::new),
    }))
}
