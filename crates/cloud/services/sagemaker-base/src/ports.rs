//! What the control plane needs of the rest of the embedded cloud: role checks, executors of jobs, a host for endpoints.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
pub use sagewright_cloud_core::runner::Called;
use sagewright_cloud_core::runner::LineSink;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::sync::OwnedSemaphorePermit;

use crate::serving::Serving;

/// Answers whether SageMaker may take on a role.
#[async_trait]
pub trait Roles: Send + Sync + 'static {
    /// Whether `role_arn` exists and trusts `sagemaker.amazonaws.com` to act for the resource `source_arn` of a caller of
    /// `account`.
    ///
    /// # Errors
    /// Why not, for the log; callers are told AWS's own text.
    async fn assumable(&self, account: &str, role_arn: &str, source_arn: &str) -> Result<(), String>;
}

/// One job to run.
#[derive(Debug, Clone)]
pub struct JobTask {
    /// Account of the job.
    pub account: String,
    /// Region of the job.
    pub region: String,
    /// The job's ARN.
    pub arn: String,
    /// The job's name as it was given.
    pub name: String,
    /// Tells the job from others that had its name.
    pub id: String,
    /// The input of the create operation with defaults applied.
    pub request: Value,
    /// Which run of the job this is, from 1.
    pub epoch: u64,
    /// How long earlier runs took, by the machine's clock: they count against the job's time limit.
    pub spent: Duration,
    /// Turns true when the job's instances are taken away, as spot instances are; `None` where that cannot be.
    pub interrupted: Option<tokio::sync::watch::Receiver<bool>>,
}

/// What a running job tells.
#[derive(Debug, Clone, PartialEq)]
pub enum TrainingEvent {
    /// It entered a secondary status (`Downloading`, `Training`, `Uploading`), or has news on the one it is in.
    Secondary {
        /// AWS's name of the secondary status.
        status: String,
        /// Text for `StatusMessage`.
        message: String,
    },
    /// A metric's value was seen in the log of the first host.
    Metric {
        /// Name, from `MetricDefinitions`.
        name: String,
        /// Value.
        value: f64,
        /// When it was logged.
        at: Timestamp,
    },
    /// The same in the log of another host than the first: it counts as the metric's last value, but is no further epoch.
    MetricOfOtherHost {
        /// Name, from `MetricDefinitions`.
        name: String,
        /// Value.
        value: f64,
        /// When it was logged.
        at: Timestamp,
    },
}

/// How a job ended.
#[derive(Debug, Clone, PartialEq)]
pub enum TrainingEnd {
    /// The algorithm succeeded and its model is in S3.
    Completed {
        /// S3 URI of the model artifacts.
        artifacts: String,
    },
    /// It was stopped.
    Stopped {
        /// S3 URI of what the algorithm saved before the end.
        artifacts: Option<String>,
        /// It ran into `MaxRuntimeInSeconds`.
        max_runtime: bool,
    },
    /// Its instances were taken away: it is to be run again, and goes on from its checkpoints where it keeps any.
    Interrupted,
    /// It failed.
    Failed {
        /// Text for `FailureReason`; cut to AWS's 1,024 characters here.
        reason: String,
    },
}

/// How a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// It did its work.
    Completed,
    /// It did not.
    Failed,
    /// It was stopped.
    Stopped,
}

/// What a running job tells that shows its status and its times alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobEvent {
    /// Its containers start.
    Started,
}

/// How such a job ended.
#[derive(Debug, Clone, PartialEq)]
pub struct JobEnd {
    /// Its status from now on.
    pub outcome: Outcome,
    /// Text for `FailureReason`.
    pub reason: Option<String>,
    /// What else its description shows, by AWS's names.
    pub shows: Map<String, Value>,
}

impl JobEnd {
    /// An end that shows nothing else.
    #[must_use]
    pub fn new(outcome: Outcome) -> Self {
        Self { outcome, reason: None, shows: Map::new() }
    }

    /// The end of a job that failed.
    #[must_use]
    pub fn failed(reason: impl Into<String>) -> Self {
        Self { reason: Some(reason.into()), ..Self::new(Outcome::Failed) }
    }
}

/// Takes a job's events. What comes once the job has ended is dropped by whoever records them.
pub type Events<E> = Arc<dyn Fn(E) + Send + Sync>;

/// Runs jobs of one kind.
#[async_trait]
pub trait Executor<Event, End>: Send + Sync + 'static {
    /// Runs one job to its end. `stop` turns true when the job is to be stopped.
    async fn run(&self, task: JobTask, stop: tokio::sync::watch::Receiver<bool>, events: Events<Event>) -> End;
}

/// The executors of all kinds of jobs.
#[derive(Clone)]
pub struct Executors {
    /// Training jobs.
    pub training: Arc<dyn Executor<TrainingEvent, TrainingEnd>>,
    /// Processing jobs.
    pub processing: Arc<dyn Executor<JobEvent, JobEnd>>,
    /// Transform jobs.
    pub transform: Arc<dyn Executor<JobEvent, JobEnd>>,
}

/// One call of a function, or one message to a queue.
#[derive(Debug, Clone)]
pub struct CommandTask {
    /// What is called.
    pub called: Called,
    /// ARN of the function, or URL of the queue.
    pub target: String,
    /// The event or message.
    pub input: Value,
    /// Account of the pipeline.
    pub account: String,
    /// Region of the pipeline.
    pub region: String,
    /// ARN of the execution.
    pub arn: String,
    /// Role of the pipeline.
    pub role_arn: String,
    /// It may run so long.
    pub longest: Option<Duration>,
}

/// Commands of the user's that stand for functions and queues.
#[async_trait]
pub trait Commands: Send + Sync + 'static {
    /// Whether there is a command.
    ///
    /// # Errors
    /// There is none: what to do.
    fn check(&self, called: Called, target: &str) -> Result<(), String>;

    /// Waits until one more function may run; it keeps its place until what this gives is dropped. `None`: any number may.
    async fn place(&self) -> Option<OwnedSemaphorePermit>;

    /// Runs a command and gives what it answers: JSON, or null where it wrote nothing. It ends when this is dropped.
    ///
    /// # Errors
    /// There is no such command, or it failed.
    async fn run(&self, task: CommandTask, lines: LineSink) -> Result<Value, String>;
}

/// No commands at all.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoCommands;

#[async_trait]
impl Commands for NoCommands {
    fn check(&self, _: Called, target: &str) -> Result<(), String> {
        Err(format!("no command stands for {target}"))
    }

    async fn place(&self) -> Option<OwnedSemaphorePermit> {
        None
    }

    async fn run(&self, task: CommandTask, _: LineSink) -> Result<Value, String> {
        Err(format!("no command stands for {}", task.target))
    }
}

/// What identifies an endpoint. The name is spelled as it was created.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EndpointKey {
    /// Account.
    pub account: String,
    /// Region.
    pub region: String,
    /// Name.
    pub name: String,
}

/// One production variant to serve.
#[derive(Debug, Clone, PartialEq)]
pub struct VariantPlan {
    /// Variant name.
    pub name: String,
    /// Share of the traffic, relative to the sum of all weights.
    pub weight: f64,
    /// Servers to run.
    pub copies: u32,
    /// How long a container may take until it answers pings.
    pub startup_timeout: Duration,
    /// `ExecutionRoleArn` of the model: whom its containers act as.
    pub role_arn: Option<String>,
    /// The containers get neither credentials nor the embedded cloud's address.
    pub isolated: bool,
    /// A request asks for one container by its host name, instead of passing all in series.
    pub direct: bool,
    /// What is captured of its requests.
    pub capture: Option<CapturePlan>,
    /// How requests reach it.
    pub serving: Serving,
    /// The containers, in the order in which a request passes them.
    pub containers: Vec<ContainerPlan>,
}

/// One container of a variant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ContainerPlan {
    /// `ContainerHostname`, where given.
    pub hostname: Option<String>,
    /// Image URI.
    pub image: String,
    /// Where the model is.
    pub model_data: Option<ModelData>,
    /// `Environment` of the container definition.
    pub environment: BTreeMap<String, String>,
}

/// What is captured of an endpoint's requests and answers: its `DataCaptureConfig`, where that is enabled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapturePlan {
    /// Requests of 100 that are captured.
    pub percentage: u32,
    /// Bucket of the destination.
    pub bucket: String,
    /// Start of the keys, without a slash at its end.
    pub prefix: String,
    /// What callers send.
    pub input: bool,
    /// What they are answered.
    pub output: bool,
    /// Media types that are kept as text, as `CSV`. All that is neither this nor JSON is kept as `BASE64`.
    pub csv: Vec<String>,
    /// Media types that are kept as text, as `JSON`.
    pub json: Vec<String>,
}

/// Tells a container that it serves many models.
pub const MULTI_MODEL_VARIABLE: &str = "SAGEMAKER_MULTI_MODEL";

impl ContainerPlan {
    /// Whether one server serves many models.
    #[must_use]
    pub fn many_models(&self) -> bool {
        matches!(self.model_data, Some(ModelData::Many { .. }))
    }
}

/// Where a model is and how it is packed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ModelData {
    /// S3 URI of a `tar.gz`.
    TarGz(String),
    /// S3 URI that the keys of an uncompressed model start with.
    Prefix(String),
    /// Many models for one server: `tar.gz` objects below an S3 URI, each fetched when a request asks for it.
    Many {
        /// The S3 URI that `TargetModel` is appended to.
        uri: String,
        /// Whether a model stays loaded after a request.
        cached: bool,
    },
}

impl ModelData {
    /// The S3 URI.
    #[must_use]
    pub fn uri(&self) -> &str {
        match self {
            Self::TarGz(uri) | Self::Prefix(uri) | Self::Many { uri, .. } => uri,
        }
    }
}

/// One fleet of an endpoint: the servers of one deployment.
#[derive(Debug, Clone, PartialEq)]
pub struct FleetPlan {
    /// Tells it from all other fleets that the endpoint has or had.
    pub id: u64,
    /// Name of the endpoint configuration.
    pub config: String,
    /// Its part of the traffic: the shares of all fleets add up to 1.
    pub share: f64,
    /// The variants, which share that part by their weights.
    pub variants: Vec<VariantPlan>,
}

/// Serves endpoints.
#[async_trait]
pub trait Host: Send + Sync + 'static {
    /// Makes an endpoint serve with these fleets and no others. Servers that are missing start; once all answer, traffic
    /// moves to the fleets' shares at once; then what serves no more is drained and stopped. Servers of a fleet that runs
    /// already stay. On failure all is left as it was.
    ///
    /// Of two calls for an endpoint the one with the higher `order` counts: it ends the other, which fails.
    ///
    /// # Errors
    /// The `FailureReason`.
    async fn serve(&self, endpoint: EndpointKey, arn: String, order: u64, fleets: Vec<FleetPlan>)
    -> Result<(), String>;
    /// Returns when all that was captured of the endpoint until now is in S3, or was given up.
    async fn flush(&self, _endpoint: &EndpointKey) {}
    /// Stops serving; returns when nothing of the endpoint runs any more.
    async fn remove(&self, endpoint: &EndpointKey);
}

/// The containers of a model for one batch transform job.
#[derive(Debug, Clone)]
pub struct ServersPlan {
    /// Account of the job.
    pub account: String,
    /// Region of the job.
    pub region: String,
    /// The job's ARN.
    pub arn: String,
    /// The job's name as it was given.
    pub job: String,
    /// `InstanceCount`: each instance runs all containers. This machine runs fewer where it has to.
    pub instances: u32,
    /// How long a container may take until it answers pings.
    pub startup_timeout: Duration,
    /// `ExecutionRoleArn` of the model: whom its containers act as.
    pub role_arn: Option<String>,
    /// The containers get neither credentials nor the embedded cloud's address.
    pub isolated: bool,
    /// The containers, in the order in which a request passes them.
    pub containers: Vec<ContainerPlan>,
}

/// Reads a body from its start, each time that it is called.
pub type OpenBody = Arc<dyn Fn() -> io::Result<Box<dyn Read + Send>> + Send + Sync>;

/// What a request carries.
#[derive(Clone)]
pub enum Body {
    /// These bytes.
    Whole(Bytes),
    /// What is read while it is sent, in chunks: it may be longer than what fits in memory.
    Chunks(OpenBody),
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::Whole(bytes)
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(bytes) => write!(f, "{} bytes", bytes.len()),
            Self::Chunks(_) => f.write_str("chunks"),
        }
    }
}

/// One request to an instance.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// What the first container gets.
    pub body: Body,
    /// Its `Content-Type`.
    pub content_type: Option<String>,
    /// `Accept` for the last container.
    pub accept: Option<String>,
    /// How long each container may take to answer.
    pub timeout: Duration,
    /// Most bytes of an answer.
    pub longest: usize,
}

/// What a container answered.
#[derive(Debug, Clone)]
pub struct Invoked {
    /// HTTP status; of the first container that has no success, else of the last one.
    pub status: u16,
    /// The answer.
    pub body: Bytes,
}

/// Why no container answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Silence {
    /// The time is over.
    Late,
    /// There is no connection, or it broke; why.
    Broken(String),
    /// The answer is longer than allowed.
    TooLong,
}

/// Runs model servers for jobs, as endpoints run them.
pub trait ModelServers: Send + Sync + 'static {
    /// Servers that are not started yet.
    fn servers(&self, plan: ServersPlan) -> Arc<dyn Servers>;
}

/// The model servers of one job.
#[async_trait]
pub trait Servers: Send + Sync + 'static {
    /// The log streams of the instances, of which there is one at least, named as AWS names them.
    fn streams(&self) -> &[String];

    /// Starts all and waits until they answer.
    ///
    /// # Errors
    /// The `FailureReason`. What was started is ended by [`Servers::stop`].
    async fn start(&self) -> Result<(), String>;

    /// What the first container answers when it is asked for its `execution-parameters`; `None` where it has none.
    async fn execution_parameters(&self) -> Option<Bytes>;

    /// Sends a request through the containers of an instance; each gets what the one before answered.
    ///
    /// # Errors
    /// A container did not answer.
    async fn invoke(&self, instance: usize, invocation: &Invocation) -> Result<Invoked, Silence>;

    /// Completes when a container has ended that nobody has stopped. Tells which one.
    async fn died(&self) -> String;

    /// Stops all; returns when nothing of them runs any more.
    async fn stop(&self);
}
