//! `CreateProcessingJob` as a run needs it. A request is read into this when the job is created, with AWS's errors; its
//! record keeps the request with all defaults, and each run reads that in the same way.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use sagewright_cloud_core::api::ApiError;
use sagewright_cloud_sagemaker_base::inputs::within_limit;
use sagewright_cloud_sagemaker_base::refuse;
use serde::Deserialize;
use serde_json::Value;

use crate::job::data::{Compression, Data, Distribution};
use crate::job::location::Location;
pub(crate) use crate::job::request::MAX_RUNTIME_SECONDS;
use crate::job::request::{below_opt_ml, s3};

/// What is to be run. What the program itself reads and writes (`AppManaged`) is not part of it.
#[derive(Debug)]
pub(crate) struct Plan {
    pub image: String,
    pub entrypoint: Option<Vec<String>>,
    pub arguments: Vec<String>,
    pub environment: BTreeMap<String, String>,
    pub inputs: Vec<Input>,
    pub outputs: Vec<Output>,
    pub instance_type: String,
    pub hosts: Vec<String>,
    pub max_runtime: Duration,
    pub role_arn: Option<String>,
    /// The container gets neither credentials nor the embedded cloud's address.
    pub isolated: bool,
}

/// What is downloaded before the containers start.
#[derive(Debug)]
pub(crate) struct Input {
    pub name: String,
    pub data: Data,
    /// Below a host's folder.
    pub folder: PathBuf,
}

/// What is uploaded.
#[derive(Debug)]
pub(crate) struct Output {
    pub place: Location,
    /// Below a host's folder.
    pub folder: PathBuf,
    /// While the containers run, and not only at their end.
    pub continuous: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    app_specification: AppSpecification,
    #[serde(default)]
    processing_inputs: Vec<ProcessingInput>,
    #[serde(default)]
    processing_output_config: OutputConfig,
    processing_resources: Resources,
    stopping_condition: Option<Stopping>,
    #[serde(default)]
    environment: BTreeMap<String, String>,
    #[serde(default)]
    network_config: Network,
    role_arn: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AppSpecification {
    image_uri: String,
    container_entrypoint: Option<Vec<String>>,
    #[serde(default)]
    container_arguments: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ProcessingInput {
    input_name: String,
    #[serde(default)]
    app_managed: bool,
    s3_input: Option<S3Input>,
    dataset_definition: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct S3Input {
    s3_uri: String,
    local_path: Option<String>,
    s3_data_type: String,
    s3_input_mode: Option<String>,
    s3_data_distribution_type: Option<Distribution>,
    s3_compression_type: Option<Compression>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OutputConfig {
    outputs: Vec<ProcessingOutput>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ProcessingOutput {
    output_name: String,
    #[serde(default)]
    app_managed: bool,
    s3_output: Option<S3Output>,
    feature_store_output: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct S3Output {
    s3_uri: String,
    local_path: Option<String>,
    s3_upload_mode: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Resources {
    cluster_config: Cluster,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Cluster {
    instance_type: Option<String>,
    instance_count: Option<u64>,
    #[serde(default)]
    instance_preferences: Vec<Preference>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Preference {
    instance_type: String,
    instance_count: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Stopping {
    max_runtime_in_seconds: u64,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Network {
    #[serde(default)]
    enable_network_isolation: bool,
}

impl Plan {
    /// Reads a request for a cloud that runs at most so many instances for it.
    ///
    /// # Errors
    /// AWS's, and refusals of what is not done here, by name.
    pub fn read(request: &Value, instances: u32) -> Result<Self, ApiError> {
        let request = Request::deserialize(request)
            .map_err(|e| ApiError::validation(format!("The request is not valid: {e}")))?;
        let AppSpecification { image_uri, container_entrypoint, container_arguments } = request.app_specification;
        let (instance_type, count) = cluster(request.processing_resources.cluster_config, instances)?;
        let max_runtime = request.stopping_condition.map_or(MAX_RUNTIME_SECONDS, |s| s.max_runtime_in_seconds);
        Ok(Self {
            image: image_uri,
            entrypoint: container_entrypoint,
            arguments: container_arguments,
            environment: request.environment,
            inputs: inputs(request.processing_inputs)?,
            outputs: outputs(request.processing_output_config.outputs)?,
            instance_type,
            hosts: (1..=count).map(|number| format!("algo-{number}")).collect(),
            max_runtime: Duration::from_secs(max_runtime),
            role_arn: request.role_arn,
            isolated: request.network_config.enable_network_isolation,
        })
    }
}

/// Type and number of the instances. Every type is there at once, so that the first preference is what runs; all of them
/// have to be within the limit.
///
/// <https://docs.aws.amazon.com/sagemaker/latest/dg/processing-job-instance-preferences.html>
fn cluster(cluster: Cluster, most: u32) -> Result<(String, u64), ApiError> {
    let Cluster { instance_type, instance_count, instance_preferences: preferences } = cluster;
    let within = |kind: &str, count| within_limit(most, kind, "processing job usage", count);
    let (first, kind) = match (preferences.first(), instance_type) {
        (None, Some(kind)) => {
            let count = instance_count.unwrap_or(1);
            within(&kind, count)?;
            return Ok((kind, count));
        }
        (Some(first), None) => (first, first.instance_type.clone()),
        _ => {
            return Err(ApiError::validation(
                "Either InstanceType or InstancePreferences must be set in ProcessingResources.ClusterConfig.",
            ));
        }
    };
    for (i, preference) in preferences.iter().enumerate() {
        let kind = &preference.instance_type;
        if preferences[..i].iter().any(|other| other.instance_type == *kind) {
            return Err(ApiError::validation(format!(
                "The instance type {kind} appears more than once in ProcessingResources.ClusterConfig.InstancePreferences."
            )));
        }
        let count = match (preference.instance_count, instance_count) {
            (Some(count), None) | (None, Some(count)) => count,
            _ => {
                return Err(ApiError::validation(
                    "InstanceCount must be set either in ProcessingResources.ClusterConfig or in each of its InstancePreferences.",
                ));
            }
        };
        within(kind, count)?;
    }
    Ok((kind, first.instance_count.or(instance_count).unwrap_or(1)))
}

fn inputs(given: Vec<ProcessingInput>) -> Result<Vec<Input>, ApiError> {
    unique("ProcessingInputs", given.iter().map(|input| &*input.input_name))?;
    let mut inputs: Vec<Input> = Vec::new();
    for ProcessingInput { input_name: name, app_managed, s3_input, dataset_definition } in given {
        let of = format!("ProcessingInputs[{name}].");
        if dataset_definition.is_some_and(|definition| !definition.is_null()) {
            return Err(refuse::instead(
                &format!("{of}DatasetDefinition (a query of Athena or Redshift)"),
                "Write the query's result to S3 and name it in an S3Input",
            ));
        }
        let source = s3_input.ok_or_else(|| ApiError::validation(format!("{of}S3Input must be set.")))?;
        if source.s3_input_mode.as_deref() == Some("Pipe") {
            return Err(refuse::instead(&format!("{of}S3Input.S3InputMode Pipe"), "Use File"));
        }
        let data = Data {
            source: s3(&source.s3_uri)?,
            manifest: source.s3_data_type == "ManifestFile",
            sharded: source.s3_data_distribution_type == Some(Distribution::ShardedByS3Key),
            gunzip: source.s3_compression_type == Some(Compression::Gzip),
        };
        if app_managed {
            continue;
        }
        let folder = folder(&format!("{of}S3Input"), source.local_path.as_deref())?;
        // AWS refuses this without a word on what is wrong (aws/sagemaker-python-sdk#4939).
        if let Some(other) = inputs.iter().find(|other| other.folder == folder) {
            return Err(ApiError::validation(format!(
                "{of}S3Input.LocalPath is that of ProcessingInputs[{}] too. Each input must have a path of its own.",
                other.name
            )));
        }
        inputs.push(Input { name, data, folder });
    }
    Ok(inputs)
}

fn outputs(given: Vec<ProcessingOutput>) -> Result<Vec<Output>, ApiError> {
    unique("ProcessingOutputConfig.Outputs", given.iter().map(|output| &*output.output_name))?;
    let mut outputs = Vec::new();
    for ProcessingOutput { output_name, app_managed, s3_output, feature_store_output } in given {
        let of = format!("ProcessingOutputConfig.Outputs[{output_name}].");
        if feature_store_output.is_some_and(|output| !output.is_null()) {
            return Err(refuse::instead(&format!("{of}FeatureStoreOutput"), "Write to an S3Output"));
        }
        let target = s3_output.ok_or_else(|| ApiError::validation(format!("{of}S3Output must be set.")))?;
        let place = s3(&target.s3_uri)?;
        if !app_managed {
            let folder = folder(&format!("{of}S3Output"), target.local_path.as_deref())?;
            outputs.push(Output { place, folder, continuous: target.s3_upload_mode == "Continuous" });
        }
    }
    Ok(outputs)
}

fn unique<'n>(of: &str, names: impl Iterator<Item = &'n str>) -> Result<(), ApiError> {
    let mut seen = Vec::new();
    for name in names {
        if seen.contains(&name) {
            return Err(ApiError::validation(format!("Duplicate name \"{name}\" in {of}. Names must be unique.")));
        }
        seen.push(name);
    }
    Ok(())
}

/// "The path in the processing container must begin with /opt/ml/processing/" (developer guide).
fn folder(of: &str, local_path: Option<&str>) -> Result<PathBuf, ApiError> {
    let given = local_path
        .ok_or_else(|| ApiError::validation(format!("{of}.LocalPath must be set unless AppManaged is true.")))?;
    below_opt_ml(given, "processing/").ok_or_else(|| {
        ApiError::validation(format!(
            "{of}.LocalPath \"{given}\" must be a folder below /opt/ml/processing/, such as /opt/ml/processing/data."
        ))
    })
}
