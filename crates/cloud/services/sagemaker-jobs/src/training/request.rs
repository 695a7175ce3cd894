//! `CreateTrainingJob` as a run needs it. A request is read into this when the job is created, with AWS's errors; its
//! record keeps the request with all defaults, and each run reads that in the same way.

use std::collections::BTreeMap;
use std::time::Duration;

use indexmap::IndexMap;
use sagewright_cloud_core::api::ApiError;
use sagewright_cloud_core::runner::workload::names_script;
use sagewright_cloud_sagemaker_base::refuse;
use serde::Deserialize;
use serde_json::Value;

use super::input::{self, Channel, Input, Mode};
use super::kept::{self, Kept};
use super::metrics::Definition;
use super::resources::{self, Resources};
use crate::job::location::Location;
use crate::job::request::{MAX_RUNTIME_SECONDS, s3};

/// Members that would change what runs. What only watches or guards a job (`VpcConfig`, rules of the debugger and the
/// profiler, `ExperimentConfig`, `MaxPendingTimeInSeconds`, encryption) is recorded.
const UNSUPPORTED: &[&str] = &[
    "/AlgorithmSpecification/AlgorithmName",
    "/ResourceConfig/TrainingPlanArn",
    "/ResourceConfig/InstancePlacementConfig",
    "/ResourceConfig/InstancePreferences",
    "/RemoteDebugConfig/EnableRemoteDebug",
    "/ServerlessJobConfig",
    "/MlflowConfig",
    "/ModelPackageConfig",
];

/// What is to be run.
#[derive(Debug)]
pub(crate) struct Plan {
    pub image: String,
    pub entrypoint: Option<Vec<String>>,
    pub arguments: Vec<String>,
    /// It runs a script or a command line of the user's, also where the image has an algorithm of its own.
    pub script: bool,
    pub hyperparameters: IndexMap<String, String>,
    pub channels: Vec<Channel>,
    pub groups: Vec<Group>,
    pub output: Location,
    pub compress: bool,
    pub max_runtime: Duration,
    /// Folders that S3 has as well.
    pub kept: Vec<Kept>,
    pub environment: BTreeMap<String, String>,
    pub metrics: Vec<Definition>,
    pub role_arn: Option<String>,
    /// How often the job is run again after an error of the service.
    pub retries: u64,
    /// How long a job on spot instances may take, from its creation. `None` for every other job.
    pub max_wait: Option<Duration>,
    /// How long the instances are kept for the next job, once this one has ended.
    pub keep_alive: Duration,
    /// Whether a warm pool of earlier instances can serve: of one type, and not on spot instances.
    pub warm: bool,
    /// The container gets neither credentials nor the embedded cloud's address.
    pub isolated: bool,
}

/// Instances of one type.
#[derive(Debug)]
pub(crate) struct Group {
    pub name: String,
    pub instance_type: String,
    pub hosts: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    algorithm_specification: Option<Algorithm>,
    #[serde(default)]
    hyper_parameters: IndexMap<String, String>,
    #[serde(default)]
    input_data_config: Vec<Input>,
    output_data_config: Output,
    resource_config: Option<Resources>,
    #[serde(default)]
    training_job_name: String,
    #[serde(default)]
    stopping_condition: Stopping,
    checkpoint_config: Option<kept::Checkpoint>,
    tensor_board_output_config: Option<kept::Watched>,
    debug_hook_config: Option<kept::Watched>,
    #[serde(default)]
    environment: BTreeMap<String, String>,
    role_arn: Option<String>,
    retry_strategy: Option<Retry>,
    #[serde(default)]
    enable_network_isolation: bool,
    #[serde(default)]
    enable_managed_spot_training: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Algorithm {
    training_image: Option<String>,
    #[serde(default)]
    training_input_mode: Mode,
    #[serde(default)]
    metric_definitions: Vec<Metric>,
    container_entrypoint: Option<Vec<String>>,
    container_arguments: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Metric {
    name: String,
    regex: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Output {
    s3_output_path: String,
    compression_type: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Stopping {
    max_runtime_in_seconds: Option<u64>,
    max_wait_time_in_seconds: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Retry {
    maximum_retry_attempts: u64,
}

impl Plan {
    /// Reads a request for a cloud that runs at most so many instances for it.
    ///
    /// # Errors
    /// AWS's, and refusals of what is not done here, by name.
    pub fn read(
        request: &Value,
        built_in: impl Fn(&str) -> Option<&'static str>,
        instances: u32,
    ) -> Result<Self, ApiError> {
        refuse::members("", request, UNSUPPORTED)?;
        let inputs = &request["InputDataConfig"];
        let request = Request::deserialize(request)
            .map_err(|e| ApiError::validation(format!("The request is not valid: {e}")))?;
        let algorithm = request
            .algorithm_specification
            .ok_or_else(|| ApiError::validation("AlgorithmSpecification must be set."))?;
        let image = algorithm.training_image.ok_or_else(|| {
            ApiError::validation(
                "You must specify either a TrainingImage or an AlgorithmName in AlgorithmSpecification.",
            )
        })?;
        let resources = request.resource_config.ok_or_else(|| ApiError::validation("ResourceConfig must be set."))?;
        let (grouped, keep_alive) = (resources.grouped(), resources.keep_alive());
        let warm = !grouped && !request.enable_managed_spot_training;
        if !keep_alive.is_zero() && !warm {
            return Err(ApiError::validation(format!(
                "KeepAlivePeriodInSeconds cannot be set in ResourceConfig together with {}: warm pools cannot be used with it.",
                if grouped { "InstanceGroups" } else { "EnableManagedSpotTraining" }
            )));
        }
        let groups = resources::groups(resources, instances)?;
        let max_runtime = stopping(&request.stopping_condition, request.enable_managed_spot_training)?;
        let named = |name: &str| request.hyper_parameters.get(name).is_some_and(|value| !value.is_empty());
        let script = algorithm.container_entrypoint.is_some()
            || named("sagemaker_program")
            || names_script(&request.environment);
        let job = input::Job {
            default_mode: algorithm.training_input_mode,
            built_in: built_in(&image).filter(|_| !script),
            groups: &groups,
            grouped,
        };
        let channels = input::channels(request.input_data_config, inputs, &job)?;
        let kept = kept::all(
            &request.training_job_name,
            request.checkpoint_config,
            request.tensor_board_output_config,
            request.debug_hook_config,
        )?;
        let metrics = algorithm.metric_definitions.iter().map(|m| Definition::new(&m.name, &m.regex));
        let arguments = match (&algorithm.container_entrypoint, algorithm.container_arguments) {
            (_, Some(arguments)) => arguments,
            (Some(_), None) => Vec::new(),
            (None, None) => vec!["train".to_owned()],
        };
        Ok(Self {
            image,
            entrypoint: algorithm.container_entrypoint,
            arguments,
            script,
            hyperparameters: request.hyper_parameters,
            channels,
            groups,
            output: s3(&request.output_data_config.s3_output_path)?,
            compress: request.output_data_config.compression_type.as_deref() != Some("NONE"),
            max_runtime,
            kept,
            environment: request.environment,
            metrics: metrics.collect::<Result<_, _>>().map_err(ApiError::validation)?,
            role_arn: request.role_arn,
            retries: request.retry_strategy.map_or(0, |retry| retry.maximum_retry_attempts),
            isolated: request.enable_network_isolation,
            max_wait: request.stopping_condition.max_wait_time_in_seconds.map(Duration::from_secs),
            keep_alive,
            warm,
        })
    }

    /// Where checkpoints are kept.
    pub fn checkpoints(&self) -> Option<&Kept> {
        self.kept.iter().find(|kept| kept.restored)
    }

    /// The channels that the hosts of a group get.
    pub fn channels_of(&self, group: &Group) -> impl Iterator<Item = &Channel> {
        self.channels.iter().filter(|channel| channel.reaches(&group.name))
    }

    /// All hosts with their groups, in order.
    pub fn hosts(&self) -> impl Iterator<Item = (&str, &Group)> {
        self.groups.iter().flat_map(|group| group.hosts.iter().map(move |host| (host.as_str(), group)))
    }
}

fn stopping(condition: &Stopping, spot: bool) -> Result<Duration, ApiError> {
    let runtime = condition.max_runtime_in_seconds.unwrap_or(MAX_RUNTIME_SECONDS);
    let refused = match condition.max_wait_time_in_seconds {
        None if spot => "MaxWaitTimeInSeconds must be set in StoppingCondition when EnableManagedSpotTraining is true.",
        Some(_) if !spot => {
            "MaxWaitTimeInSeconds can only be set in StoppingCondition when EnableManagedSpotTraining is true."
        }
        Some(wait) if wait < runtime => {
            "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to MaxRuntimeInSeconds"
        }
        _ => return Ok(Duration::from_secs(runtime)),
    };
    Err(ApiError::validation(refused))
}
