//! The parts of `CreateTrainingJob` that a run needs, checked once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::Value;

use super::input::{Channel, Input, refused};
use super::location::Location;
use super::metrics::Definition;
use sagewright_cloud_transfer::path;

/// One day, SageMaker's default for `MaxRuntimeInSeconds`.
const DEFAULT_MAX_RUNTIME: u64 = 86_400;

/// What is to be run.
#[derive(Debug)]
pub(super) struct Plan {
    pub image: String,
    pub entrypoint: Option<Vec<String>>,
    pub arguments: Vec<String>,
    pub hyperparameters: IndexMap<String, String>,
    pub channels: Vec<Channel>,
    pub groups: Vec<Group>,
    pub output: Location,
    pub compress: bool,
    pub max_runtime: Duration,
    pub checkpoints: Option<Checkpoints>,
    pub environment: BTreeMap<String, String>,
    pub metrics: Vec<Definition>,
    pub role_arn: Option<String>,
    /// The container gets neither credentials nor the embedded cloud's address.
    pub isolated: bool,
}

/// Instances of one type.
#[derive(Debug)]
pub(super) struct Group {
    pub name: String,
    pub instance_type: String,
    pub hosts: Vec<String>,
}

/// Where checkpoints are kept.
#[derive(Debug, Clone)]
pub(super) struct Checkpoints {
    pub remote: Location,
    /// As the request gives it.
    pub local: String,
    /// Below the job's folder.
    pub folder: PathBuf,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    algorithm_specification: Algorithm,
    #[serde(default)]
    hyper_parameters: IndexMap<String, String>,
    #[serde(default)]
    input_data_config: Vec<Input>,
    output_data_config: Output,
    resource_config: Resources,
    stopping_condition: Option<Stopping>,
    checkpoint_config: Option<Checkpoint>,
    #[serde(default)]
    environment: BTreeMap<String, String>,
    role_arn: Option<String>,
    #[serde(default)]
    enable_network_isolation: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Algorithm {
    training_image: Option<String>,
    algorithm_name: Option<String>,
    training_input_mode: Option<String>,
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

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Resources {
    instance_type: Option<String>,
    instance_count: Option<u32>,
    #[serde(default)]
    instance_groups: Vec<InstanceGroup>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InstanceGroup {
    instance_group_name: String,
    instance_type: String,
    instance_count: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Stopping {
    max_runtime_in_seconds: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Checkpoint {
    s3_uri: String,
    local_path: Option<String>,
}

impl Plan {
    /// Reads a request.
    ///
    /// # Errors
    /// A `FailureReason`: a part that this machine does not do, by name.
    pub fn read(request: &Value) -> Result<Self, String> {
        let request: Request = serde_json::from_value(request.clone())
            .map_err(|e| format!("ClientError: the request is incomplete: {e}"))?;
        let algorithm = request.algorithm_specification;
        let image = match (algorithm.training_image, algorithm.algorithm_name) {
            (Some(image), _) => image,
            (None, Some(name)) => {
                return Err(refused(&format!("AlgorithmName ({name})"), "TrainingImage with the algorithm's image"));
            }
            (None, None) => return Err("ClientError: the request has no TrainingImage".into()),
        };
        let default_mode = algorithm.training_input_mode.unwrap_or_else(|| "File".into());
        let channels =
            request.input_data_config.into_iter().map(|input| input.check(&default_mode)).collect::<Result<_, _>>()?;
        let metrics = algorithm.metric_definitions.iter().map(|m| Definition::new(&m.name, &m.regex));
        let arguments = match (&algorithm.container_entrypoint, algorithm.container_arguments) {
            (_, Some(arguments)) => arguments,
            (Some(_), None) => Vec::new(),
            (None, None) => vec!["train".to_owned()],
        };
        let max_runtime = request.stopping_condition.and_then(|s| s.max_runtime_in_seconds);
        Ok(Self {
            image,
            entrypoint: algorithm.container_entrypoint,
            arguments,
            hyperparameters: request.hyper_parameters,
            channels,
            groups: groups(request.resource_config),
            output: Location::parse(&request.output_data_config.s3_output_path)?,
            compress: request.output_data_config.compression_type.as_deref() != Some("NONE"),
            max_runtime: Duration::from_secs(max_runtime.unwrap_or(DEFAULT_MAX_RUNTIME)),
            checkpoints: request.checkpoint_config.map(checkpoints).transpose()?,
            environment: request.environment,
            metrics: metrics.collect::<Result<_, _>>()?,
            role_arn: request.role_arn,
            isolated: request.enable_network_isolation,
        })
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

/// Hosts are `algo-1`, `algo-2`, … through all groups. A job without groups has one of this name.
fn groups(resources: Resources) -> Vec<Group> {
    let given = if resources.instance_groups.is_empty() {
        vec![InstanceGroup {
            instance_group_name: "homogeneousCluster".into(),
            instance_type: resources.instance_type.unwrap_or_else(|| "ml.m5.large".into()),
            instance_count: resources.instance_count.unwrap_or(1).max(1),
        }]
    } else {
        resources.instance_groups
    };
    let mut number = 0;
    let mut next = || {
        number += 1;
        format!("algo-{number}")
    };
    let each = |group: InstanceGroup| Group {
        hosts: (0..group.instance_count).map(|_| next()).collect(),
        name: group.instance_group_name,
        instance_type: group.instance_type,
    };
    given.into_iter().map(each).collect()
}

fn checkpoints(config: Checkpoint) -> Result<Checkpoints, String> {
    let local = config.local_path.unwrap_or_else(|| "/opt/ml/checkpoints".into());
    let folder = Path::new(&local).strip_prefix("/opt/ml").map(Path::to_path_buf).unwrap_or_default();
    if folder.as_os_str().is_empty() || !path::stays(&folder) {
        return Err(refused(&format!("CheckpointConfig.LocalPath '{local}'"), "a folder below /opt/ml"));
    }
    Ok(Checkpoints { remote: Location::parse(&config.s3_uri)?, local, folder })
}
