//! The whole embedded cloud: every service on one port, over one data folder.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::clock::SharedClock;
use crate::config::Config;
use crate::env::Env;
use crate::hosting::{Hosting, HostingConfig};
use crate::identity::assumable_by_service;
use crate::identity::{Identity, NewSession};
use crate::images::{ImageMap, ImageMapError};
use crate::objects::Objects;
use crate::process::strays;
use crate::process::{Preparer, ProcessConfig, ProcessRunner};
use crate::runner::{Identity as Worker, JobEnvironment};
use crate::s3::{self, S3Config, S3Service};
use crate::sagemaker::{Execution, ResumeError, Roles, SageMaker, Service};
use crate::server::{Bound, Running, StartError, bind};
use crate::store::Store;
use crate::training::TrainingExecutor;

/// A container's own credentials are good for this long: the longest that SageMaker lets a job run.
const CONTAINER_SESSION: Duration = Duration::from_secs(28 * 24 * 3600);

/// What the embedded cloud is started with.
pub struct Options {
    /// Port, data folder, account, region, clock.
    pub config: Config,
    /// The program that runs built-in algorithms, as `PROGRAM algorithm NAME train|serve`.
    pub program: PathBuf,
    /// TOML file that maps images to commands; `images.toml` in the data folder, where there is one, without it.
    pub images: Option<PathBuf>,
    /// Makes built-in algorithms ready on first use.
    pub preparer: Arc<dyn Preparer>,
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
    /// Jobs and endpoints of an earlier process.
    #[error(transparent)]
    Resume(#[from] ResumeError),
}

/// A running embedded cloud.
pub struct Cloud {
    running: Running,
    hosting: Arc<Hosting>,
}

/// Takes port and data folder, and starts all services. Must be called inside a Tokio runtime.
///
/// # Errors
/// What is in the way, and what to do.
pub async fn start(options: Options) -> Result<Cloud, CloudError> {
    let Options { config, program, images, preparer } = options;
    let data = config.data.clone();
    let images = images.unwrap_or_else(|| data.join("images.toml"));
    let clock = Arc::clone(&config.clock);
    let hold = config.hold;
    // The largest model is read while databases are opened, instead of by the first request.
    std::thread::spawn(|| sagewright_model::service("sagemaker"));
    let bound = bind(config)?;
    let images = ImageMap::load(&images)?;
    // Who was killed may have left daemons of its containers behind.
    let work = bound.folder("work");
    let id = strays::cloud_id(&data).map_err(|source| CloudError::Id { path: data.clone(), source })?;
    strays::end_all(&id, &work);
    let now = Arc::clone(&clock);
    let objects = s3::Store::new(bound.folder("s3"), Arc::new(move || now.now()))?;
    let runner = ProcessRunner::new(ProcessConfig { program, images, preparer, cloud: id, clock: Arc::clone(&clock) });
    let env = Env {
        store: Arc::new(bound.records()),
        logs: Arc::new(bound.logs()),
        objects: Arc::new(objects.clone()) as Arc<dyn Objects>,
        runner: Arc::new(runner),
        clock: Arc::clone(&clock),
        work,
    };
    let environment = Arc::new(ContainerAccess {
        identity: bound.identity(),
        clock: Arc::clone(&clock),
        endpoint: format!("http://{}", bound.address()),
    });
    let hosting = Arc::new(Hosting::new(env.clone(), Arc::clone(&environment) as _, HostingConfig::default()));
    let trainer = Arc::new(TrainingExecutor::new(env.clone(), environment));
    let roles = Arc::new(TrustedRoles { store: bound.store(), clock: Arc::clone(&clock) });
    let execution = Execution { hold, ..Execution::new(roles, trainer, Arc::clone(&hosting) as _) };
    let sagemaker = SageMaker::new(env, execution);
    let s3 = s3_front(&bound, objects, clock);
    let running = bound
        .server()
        .handler("sagemaker", Arc::new(sagemaker_service(sagemaker.clone())))
        .handler("sagemaker-runtime", Arc::clone(&hosting) as _)
        .raw(s3)
        .start();
    resume(&sagemaker).await?;
    Ok(Cloud { running, hosting })
}

/// SageMaker's control plane with the operations of all its crates.
#[must_use]
pub fn sagemaker_service(sagemaker: SageMaker) -> Service {
    Service::new(
        sagemaker,
        &[
            sagewright_cloud_sagemaker::OPERATIONS,
            sagewright_cloud_sagemaker_jobs::OPERATIONS,
            sagewright_cloud_sagemaker_hosting::OPERATIONS,
        ],
    )
}

/// Takes up what the last process left: jobs in progress run again from the start, stopping ones end stopped,
/// endpoints are served again, deletions are finished. Must be called inside a Tokio runtime.
///
/// # Errors
/// The state could not be read or written.
pub async fn resume(sagemaker: &SageMaker) -> Result<(), ResumeError> {
    crate::sagemaker::recorded::life::resume(sagemaker).await?;
    sagewright_cloud_sagemaker_jobs::resume(sagemaker).await?;
    sagewright_cloud_sagemaker_hosting::resume(sagemaker).await
}

impl Cloud {
    /// Port, data folder and credentials.
    #[must_use]
    pub fn server(&self) -> &Running {
        &self.running
    }

    /// Stops answering, then stops all model servers. Training jobs end with this process and run again at the next
    /// start.
    pub async fn shutdown(self) {
        let lock = self.running.lock();
        self.running.shutdown().await;
        self.hosting.shutdown().await;
        drop(lock);
    }
}

fn s3_front(bound: &Bound, objects: s3::Store, clock: SharedClock) -> crate::server::RawService {
    let keys = Arc::new(Keys { identity: bound.identity(), clock });
    let service: S3Service = s3::service(&S3Config::default(), objects, keys);
    Arc::new(move |request| {
        let service = service.clone();
        Box::pin(async move { service.call(request).await })
    })
}

/// The access keys of all accounts, as S3 asks for them.
struct Keys {
    identity: Identity,
    clock: SharedClock,
}

impl s3::Credentials for Keys {
    fn lookup(&self, access_key: &str) -> Option<s3::Caller> {
        let principal = match self.identity.lookup(access_key) {
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
            expired: principal.expired(self.clock.now()),
        })
    }
}

/// Roles that SageMaker may act as, by their trust policies.
struct TrustedRoles {
    store: Store,
    clock: SharedClock,
}

#[async_trait]
impl Roles for TrustedRoles {
    async fn assumable(&self, account: &str, role_arn: &str) -> Result<(), String> {
        assumable_by_service(&self.store, account, role_arn, "sagemaker.amazonaws.com", self.clock.now())
    }
}

/// What containers get so that their code can call the embedded cloud as the job's role.
struct ContainerAccess {
    identity: Identity,
    clock: SharedClock,
    endpoint: String,
}

impl JobEnvironment for ContainerAccess {
    fn variables(&self, worker: &Worker) -> BTreeMap<String, String> {
        let mut out = BTreeMap::from([
            ("AWS_ENDPOINT_URL".to_owned(), self.endpoint.clone()),
            ("AWS_REGION".to_owned(), worker.region.clone()),
            ("AWS_DEFAULT_REGION".to_owned(), worker.region.clone()),
        ]);
        let Some(role) = &worker.role_arn else { return out };
        let name = role.rsplit('/').next().unwrap_or(role);
        let partition = self.identity.partition();
        let session = NewSession {
            account: &worker.account,
            arn: format!("arn:{partition}:sts::{}:assumed-role/{name}/SageMaker", worker.account),
            user_id: "AROASAGEMAKERSESSION:SageMaker".to_owned(),
            role: Some(role),
            tags: Vec::new(),
            source_identity: None,
            expires: self.clock.now() + CONTAINER_SESSION,
        };
        match self.identity.begin_session(session) {
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
