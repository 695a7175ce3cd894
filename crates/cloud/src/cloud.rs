//! The whole embedded cloud: every service on one port, over one data folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sagewright_cloud_applicationautoscaling::AutoScaling;
use sagewright_cloud_core::timers::Timers;
use sagewright_cloud_sagemaker_featurestore as featurestore;
use sagewright_cloud_sagemaker_hosting::scaling::Variants;
use tokio::sync::Semaphore;

use crate::api::ApiError;
use crate::clock::{ClockError, Keeper, SharedWall, SystemWall};
use crate::cloud_id;
use crate::commands::{LocalCommands, PLACES};
use crate::config::Config;
use crate::env::Env;
use crate::folder;
use crate::frameworks::Environments;
use crate::hosting::{Hosting, HostingConfig};
use crate::identity::{Identity, NewSession, Secret, ServiceAsks, assumable_by_service, pass, role};
use crate::images::{ImageMap, ImageMapError};
use crate::objects::Objects;
use crate::outbox::Outbox;
use crate::process::commands::{self, CommandMapError};
use crate::process::strays;
use crate::process::{Hidden, Preparer, ProcessConfig, ProcessRunner};
use crate::processing::ProcessingExecutor;
use crate::records::SharedRecords;
use crate::runner::{Identity as Worker, JobEnvironment, Runner};
use crate::runners::Runners;
use crate::s3::{self, S3Config, S3Service};
use crate::sagemaker::{Execution, Executors, ResumeError, Roles, SageMaker, Service};
use crate::server::control::{Control, Interrupt, SpotJob};
use crate::server::{Bound, Running, ServerBuilder, StartError, bind, reachable};

use crate::training::TrainingExecutor;
use crate::transform::TransformExecutor;
use sagewright_cloud_runner_docker::DockerRunner;

/// A container's own credentials are good for this long: the longest that SageMaker lets a job run.
const CONTAINER_SESSION: Duration = Duration::from_secs(28 * 24 * 3600);

/// How long an orderly end may take: five seconds for calls in progress, thirty for model servers, and some more.
const STOPPING: Duration = Duration::from_secs(45);

/// What the embedded cloud is started with.
pub struct Options {
    /// Port, data folder, account, region, clock.
    pub config: Config,
    /// The program that runs built-in algorithms, as `PROGRAM algorithm NAME train|serve`.
    pub program: PathBuf,
    /// TOML file that maps images to commands; `images.toml` in the data folder, where there is one, without it. Beside it,
    /// `functions.toml` says which commands stand for Lambda functions and SQS queues.
    pub images: Option<PathBuf>,
    /// Makes built-in algorithms ready on first use.
    pub preparer: Arc<dyn Preparer>,
    /// Where scripts run.
    pub environments: Environments,
    /// Where the container engine answers: `unix:///PATH` or `tcp://HOST:PORT`.
    pub engine: String,
}

/// Why the embedded cloud could not be started.
#[derive(Debug, thiserror::Error)]
pub enum CloudError {
    /// Port or data folder.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The image map.
    #[error(transparent)]
    Images(#[from] ImageMapError),
    /// The commands that stand for functions and queues.
    #[error(transparent)]
    Commands(#[from] CommandMapError),
    /// The file that tells this data folder from others.
    #[error("cannot use {}: {source}", path.join("cloud-id").display())]
    Id {
        /// The data folder.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// The S3 part of the data folder.
    #[error("the embedded S3 cannot be started: {0}")]
    S3(#[from] s3::StoreError),
    /// The simulated clock.
    #[error(transparent)]
    Clock(#[from] ClockError),
    /// Jobs and endpoints of an earlier process.
    #[error(transparent)]
    Resume(#[from] ResumeError),
}

/// A running embedded cloud.
pub struct Cloud {
    running: Running,
    hosting: Arc<Hosting>,
    sagemaker: SageMaker,
    keeper: Keeper,
    runner: Arc<Runners>,
    /// They hold the state, and end with the cloud.
    tasks: Tasks,
}

/// What is done by itself: timers, the telling of events, and the keeping of the clock.
struct Tasks {
    _timers: AbortOnDrop,
    _events: AbortOnDrop,
    _keeping: AbortOnDrop,
}

/// A task that ends when nothing holds it.
struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// An embedded cloud that has taken up its state and refuses connections until it serves.
pub struct Prepared {
    server: ServerBuilder,
    hosting: Arc<Hosting>,
    sagemaker: SageMaker,
    keeper: Keeper,
    runner: Arc<Runners>,
    tasks: Tasks,
    pass: Secret,
}

/// Takes port and data folder, starts all services and begins to answer. Must be called inside a Tokio runtime.
///
/// # Errors
/// What is in the way, and what to do.
pub async fn start(options: Options) -> Result<Cloud, CloudError> {
    prepare(options).await?.serve()
}

/// Takes port and data folder, starts all services and takes up what the last process left: no request can come in
/// between. Must be called inside a Tokio runtime.
///
/// # Errors
/// What is in the way, and what to do.
pub async fn prepare(options: Options) -> Result<Prepared, CloudError> {
    let Options { config, program, images, preparer, environments, engine } = options;
    let data = config.data.clone();
    let images = images.unwrap_or_else(|| data.join("images.toml"));
    let functions = images.with_file_name("functions.toml");
    let (wall, speed) = (Arc::clone(&config.wall), config.speed);
    let durability = config.durability;
    let hold = config.hold;
    let outbox = Outbox::new(config.subscribers.clone());
    // The largest model is read while databases are opened, instead of by the first request.
    std::thread::spawn(|| sagewright_model::service("sagemaker"));
    let bound = bind(config).await?;
    // Before anything takes the time.
    let keeper = Keeper::open(bound.sim(), bound.records(), speed).await?;
    let images = ImageMap::load(&images)?;
    let work = bound.folder("work");
    let unusable = |source| CloudError::Id { path: data.clone(), source };
    let id = cloud_id::of(&data).map_err(unusable)?;
    let commands = commands::Commands::new(functions, id.clone(), work.clone());
    commands.read()?;
    let hidden = Hidden { folder: std::fs::canonicalize(&data).map_err(unusable)?, is_own: folder::is_own };
    keep_secrets();
    let now = Arc::clone(&wall);
    let objects = s3::Store::with_durability(bound.folder("s3"), Arc::new(move || now.now()), durability)?;
    let docker = DockerRunner::new(&engine, id.clone(), Arc::clone(&wall));
    let process = ProcessRunner::new(ProcessConfig {
        program,
        images,
        preparer,
        cloud: id,
        environments,
        hidden: Some(hidden),
        clock: Arc::clone(&wall),
    });
    let runner = Arc::new(Runners { process, docker });
    if has_jobs(&work) {
        end_leftovers(&*runner).await;
        end_left_containers(&runner).await;
        commands.clear();
    }
    let env = Env {
        store: bound.records(),
        logs: Arc::new(bound.logs()),
        metrics: bound.metrics(),
        objects: Arc::new(objects.clone()) as Arc<dyn Objects>,
        runner: Arc::clone(&runner) as _,
        wall: Arc::clone(&wall),
        sim: bound.sim(),
        work,
    };
    let environment = Arc::new(ContainerAccess {
        store: bound.records(),
        identity: bound.identity(),
        wall: Arc::clone(&wall),
        endpoint: format!("http://{}", reachable(bound.address())),
    });
    let hosting = Hosting::new(env.clone(), Arc::clone(&environment) as _, HostingConfig::default());
    let hosting = Arc::new(hosting.telling(outbox.clone()));
    let executors = Executors {
        training: Arc::new(TrainingExecutor::new(env.clone(), Arc::clone(&environment) as _)),
        processing: Arc::new(ProcessingExecutor::new(env.clone(), Arc::clone(&environment) as _)),
        transform: Arc::new(TransformExecutor::new(env.clone(), Arc::clone(&hosting) as _)),
    };
    let places = Arc::new(Semaphore::new(PLACES));
    let commands = Arc::new(LocalCommands { process: commands, environment, places });
    let cloudwatch = bound.cloudwatch(outbox.clone());
    let autoscaling = AutoScaling::new(bound.records(), bound.sim(), Arc::new(cloudwatch.clone()));
    cloudwatch.acts_by(vec![Arc::new(autoscaling.known())]);
    let roles = Arc::new(TrustedRoles { store: bound.records(), wall: Arc::clone(&wall) });
    let execution = Execution {
        hold,
        alarms: Arc::new(cloudwatch.clone()),
        outbox: outbox.clone(),
        targets: Arc::new(autoscaling.known()),
        commands,
        ..Execution::new(roles, executors, Arc::clone(&hosting) as _)
    };
    let sagemaker = SageMaker::new(env, execution);
    let (store, sim) = (bound.records(), bound.sim());
    let s3 = s3_front(&bound, objects, wall);
    let pass = pass();
    let own = bound.address().ip();
    let waker = sagemaker.waker().clone();
    cloudwatch.wakes(waker.clone());
    autoscaling.wakes(waker.clone());
    autoscaling.scales(Arc::new(Variants(sagemaker.clone())));
    let server = bound
        .server()
        .control(Control { pass: pass.clone(), keeper: keeper.clone(), waker, own, spot: spot(&sagemaker) })
        .handler("cloudwatch", Arc::new(cloudwatch.clone()))
        .handler("application-autoscaling", Arc::new(autoscaling.clone()))
        .handler("sagemaker", Arc::new(sagemaker_service(sagemaker.clone())))
        .handler("sagemaker-runtime", Arc::clone(&hosting) as _)
        .handler("sagemaker-featurestore-runtime", Arc::new(featurestore::Runtime(sagemaker.clone())))
        .handler("sagemaker-metrics", Arc::new(sagewright_cloud_sagemaker_lineage::Metrics(sagemaker.clone())))
        .raw(s3);
    resume(&sagemaker).await?;
    let timers = sagewright_cloud_cloudwatch::timers(&cloudwatch, timers(&sagemaker));
    let timers = timers.owner(sagewright_cloud_applicationautoscaling::OWNER, autoscaling.due());
    let tasks = Tasks {
        _timers: AbortOnDrop(tokio::spawn(timers.run())),
        _events: AbortOnDrop(tokio::spawn(outbox.run(store, sim))),
        _keeping: AbortOnDrop(tokio::spawn(keeper.clone().run())),
    };
    Ok(Prepared { server, hosting, sagemaker, keeper, runner, tasks, pass })
}

impl Prepared {
    /// What goes into `AWS_ENDPOINT_URL`.
    #[must_use]
    pub fn endpoint_url(&self) -> String {
        format!("http://{}", reachable(self.server.address()))
    }

    /// What a program of this machine has to show to change the clock.
    #[must_use]
    pub fn control_pass(&self) -> Secret {
        self.pass.clone()
    }

    /// Begins to answer.
    ///
    /// # Errors
    /// Another process has begun to listen on the port in the meantime.
    pub fn serve(self) -> Result<Cloud, CloudError> {
        let Self { server, hosting, sagemaker, keeper, runner, tasks, .. } = self;
        Ok(Cloud { running: server.start()?, hosting, sagemaker, keeper, runner, tasks })
    }
}

/// Kills all processes of the jobs and model servers of a data folder, whose cloud has ended or is about to.
pub fn end_processes(data: &Path) {
    if let Ok(Some(id)) = cloud_id::known(data) {
        strays::end_all(&id);
    }
}

/// The same for what runs in the container engine at `engine`, as in [`Options::engine`].
pub async fn end_containers(data: &Path, engine: &str) {
    if let Ok(Some(id)) = cloud_id::known(data) {
        untold(DockerRunner::new(engine, id, Arc::new(SystemWall)).end_all().await);
    }
}

/// Ends what a killed process left running: its jobs run again, and its endpoints are started again.
async fn end_leftovers(runner: &dyn Runner) {
    let left = runner.list().await.unwrap_or_else(|error| {
        tracing::warn!(%error, "the runner cannot tell what an earlier process left running");
        Vec::new()
    });
    for labels in left {
        match runner.attach(&labels, Arc::new(|_| ())).await {
            Ok(None) => {}
            Ok(Some(mut container)) => drop(container.stop(Duration::ZERO).await),
            Err(error) => tracing::warn!(%error, workload = %labels, "what an earlier process left running may go on"),
        }
    }
}

/// The same for containers. Without an engine there are none, unless the image map has images of one.
async fn end_left_containers(runner: &Runners) {
    match runner.docker.clear().await {
        Err(error) if runner.process.uses_engine() => tracing::warn!(
            error,
            "containers that an earlier process left may go on until the first one is started in the engine"
        ),
        told => untold(told),
    }
}

/// An engine that does not answer may not be there at all.
fn untold(done: Result<(), String>) {
    if let Err(error) = done {
        tracing::debug!(error, "no containers were ended");
    }
}

/// Whether work was left. Looking at every process of the machine is worth it only then.
fn has_jobs(work: &Path) -> bool {
    let mut kinds = std::fs::read_dir(work).into_iter().flatten().flatten();
    kinds.any(|kind| std::fs::read_dir(kind.path()).is_ok_and(|mut jobs| jobs.next().is_some()))
}

/// Closes this process's environment and memory, where the user's own credentials may be, to the programs of jobs: they
/// run as the same user.
fn keep_secrets() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable) {
        tracing::warn!(%error, "programs of jobs may read this process's environment");
    }
}

/// Runs the timers of all of SageMaker's crates.
#[must_use]
pub fn timers(sagemaker: &SageMaker) -> Timers {
    let timers = crate::sagemaker::recorded::life::timers(sagemaker);
    let timers = sagewright_cloud_sagemaker_jobs::timers(sagemaker, timers);
    let timers = sagewright_cloud_sagemaker_monitoring::timers(sagemaker, timers);
    let timers = sagewright_cloud_sagemaker_hosting::timers(sagemaker, timers);
    timers
        .owner(sagewright_cloud_sagemaker_lineage::OWNER, sagewright_cloud_sagemaker_lineage::due(sagemaker))
        .owner(featurestore::OWNER, featurestore::due(sagemaker))
        .owner(sagewright_cloud_sagemaker::MODEL_CARDS, sagewright_cloud_sagemaker::model_cards_due(sagemaker))
}

/// SageMaker's control plane with the operations of all its crates.
#[must_use]
pub fn sagemaker_service(sagemaker: SageMaker) -> Service {
    Service::new(
        sagemaker,
        &[
            sagewright_cloud_sagemaker::OPERATIONS,
            sagewright_cloud_sagemaker_jobs::OPERATIONS,
            sagewright_cloud_sagemaker_tuning::OPERATIONS,
            sagewright_cloud_sagemaker_hosting::OPERATIONS,
            sagewright_cloud_sagemaker_monitoring::OPERATIONS,
            sagewright_cloud_sagemaker_lineage::OPERATIONS,
            sagewright_cloud_sagemaker_pipelines::OPERATIONS,
            sagewright_cloud_sagemaker_featurestore::OPERATIONS,
        ],
    )
}

/// Takes up what the last process left: jobs in progress run again from the start, stopping ones end stopped,
/// endpoints are served again, deletions are finished. Must be called inside a Tokio runtime.
///
/// # Errors
/// The state could not be read or written.
pub async fn resume(sagemaker: &SageMaker) -> Result<(), ResumeError> {
    sagewright_cloud_sagemaker_jobs::resume(sagemaker).await?;
    sagewright_cloud_sagemaker_tuning::resume(sagemaker).await?;
    sagewright_cloud_sagemaker_hosting::resume(sagemaker).await?;
    sagewright_cloud_sagemaker_monitoring::resume(sagemaker).await?;
    // After what their steps wait for.
    sagewright_cloud_sagemaker_pipelines::resume(sagemaker).await
}

/// Notes that this process ends in order, and not over one of the jobs in progress.
///
/// # Errors
/// The state could not be read or written.
pub async fn suspend(sagemaker: &SageMaker) -> Result<(), ApiError> {
    sagewright_cloud_sagemaker_jobs::suspend(sagemaker).await
}

impl Cloud {
    /// Port, data folder and credentials.
    #[must_use]
    pub fn server(&self) -> &Running {
        &self.running
    }

    /// Stops answering, then stops all model servers. Jobs end with this process and run again at the next
    /// start. What has not stopped after 45 seconds is left to the end of the process.
    pub async fn shutdown(self) {
        let Self { running, hosting, sagemaker, keeper, runner, tasks } = self;
        drop(tasks);
        let lock = running.lock();
        if let Err(error) = suspend(&sagemaker).await {
            tracing::warn!(error = error.message, "jobs in progress are taken for ones that the cloud died over");
        }
        let stopping = async {
            running.shutdown().await;
            hosting.shutdown().await;
        };
        if tokio::time::timeout(STOPPING, stopping).await.is_err() {
            tracing::warn!("model servers have not stopped within {} s and are killed", STOPPING.as_secs());
        }
        // A job that began meanwhile is cut off in order as well.
        if let Err(error) = suspend(&sagemaker).await {
            tracing::warn!(error = error.message, "jobs in progress are taken for ones that the cloud died over");
        }
        featurestore::flush_all(&sagemaker).await;
        if let Err(error) = keeper.close().await {
            tracing::warn!(%error, "the time that the clock has come to is known to some seconds only");
        }
        // Containers do not end with this process.
        untold(runner.docker.end_all().await);
        drop(lock);
    }
}

fn s3_front(bound: &Bound, objects: s3::Store, wall: SharedWall) -> crate::server::RawService {
    let keys = Arc::new(Keys { identity: bound.identity(), wall });
    let service: S3Service = s3::service(&S3Config::default(), objects, keys);
    Arc::new(move |request| {
        let service = service.clone();
        Box::pin(async move { service.call(request).await })
    })
}

/// The access keys of all accounts, as S3 asks for them.
struct Keys {
    identity: Identity,
    wall: SharedWall,
}

#[async_trait]
impl s3::Credentials for Keys {
    async fn lookup(&self, access_key: &str) -> Option<s3::Caller> {
        let principal = match self.identity.lookup(access_key).await {
            Ok(found) => found?,
            Err(error) => {
                tracing::error!(%error, "access keys cannot be read");
                return None;
            }
        };
        Some(s3::Caller {
            account: principal.account.clone(),
            secret_key: principal.secret.reveal().to_owned(),
            session_token: principal.session.as_ref().map(|s| s.token.reveal().to_owned()),
            principal_arn: principal.arn.clone(),
            expired: principal.expired(self.wall.now()),
        })
    }
}

/// Roles that SageMaker may act as, by their trust policies.
struct TrustedRoles {
    store: SharedRecords,
    wall: SharedWall,
}

#[async_trait]
impl Roles for TrustedRoles {
    async fn assumable(&self, account: &str, role_arn: &str, source_arn: &str) -> Result<(), String> {
        let service = "sagemaker.amazonaws.com";
        let asks = ServiceAsks { service, account, source_arn, now: self.wall.now() };
        assumable_by_service(&self.store, role_arn, &asks).await
    }
}

/// Spot jobs, for the control endpoint.
fn spot(sagemaker: &SageMaker) -> Interrupt {
    let sagemaker = sagemaker.clone();
    Arc::new(move |SpotJob { account, region, name }| {
        let sagemaker = sagemaker.clone();
        Box::pin(async move {
            sagewright_cloud_sagemaker_jobs::inside::interrupt(&sagemaker, &account, &region, &name).await
        })
    })
}

/// What containers get so that their code can call the embedded cloud as the job's role.
struct ContainerAccess {
    store: SharedRecords,
    identity: Identity,
    wall: SharedWall,
    endpoint: String,
}

#[async_trait]
impl JobEnvironment for ContainerAccess {
    async fn variables(&self, worker: &Worker) -> BTreeMap<String, String> {
        let mut out = BTreeMap::from([
            ("AWS_ENDPOINT_URL".to_owned(), self.endpoint.clone()),
            ("AWS_REGION".to_owned(), worker.region.clone()),
            ("AWS_DEFAULT_REGION".to_owned(), worker.region.clone()),
        ]);
        let Some(role_arn) = &worker.role_arn else { return out };
        let role = match role(&self.store, role_arn).await {
            Ok(Some(role)) => role,
            Ok(None) => {
                tracing::warn!(role_arn, arn = worker.arn, "the role is gone; its container gets no credentials");
                return out;
            }
            Err(error) => {
                tracing::error!(%error, arn = worker.arn, "no credentials for a container");
                return out;
            }
        };
        let partition = role_arn.split(':').nth(1).unwrap_or("aws");
        let session = NewSession::of_role(&role, "SageMaker", partition, self.wall.now() + CONTAINER_SESSION);
        match self.identity.begin_session(session).await {
            Ok((key, principal)) => {
                out.insert("AWS_ACCESS_KEY_ID".to_owned(), key);
                out.insert("AWS_SECRET_ACCESS_KEY".to_owned(), principal.secret.reveal().to_owned());
                if let Some(session) = &principal.session {
                    out.insert("AWS_SESSION_TOKEN".to_owned(), session.token.reveal().to_owned());
                }
            }
            Err(error) => tracing::error!(%error, arn = worker.arn, "no credentials for a container"),
        }
        out
    }
}
