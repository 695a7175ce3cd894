//! The one port of the embedded cloud: who is asked is told by the signature's scope.
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use sagewright_cloud::{config::Config, server::bind};
//!
//! let bound = bind(Config::new("/tmp/cloud")).await?;
//! let running = bound.server().start()?;
//! let key = running.credentials("000000000000").await?;
//! # drop(key);
//! running.shutdown().await;
//! # Ok(())
//! # }
//! ```

mod error;
mod start;

use std::collections::HashMap;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

pub use error::StartError;
pub use sagewright_cloud_cloudwatch::CloudWatch;
pub use sagewright_cloud_wire::server::{
    ACCESS_LOG, Body, BodyError, Limits, RawService, RequestBody, control, proxy, record,
};
pub use start::{bind, open_identity};

use control::Control;

use crate::api::{ApiError, Handler};
use crate::clock::SimClock;
use crate::config::Config;
use crate::folder::Lock;
use crate::identity::{AccessKey, Identity};
use crate::logs::{LogsService, Streams};
use crate::metrics::Metrics;
use crate::outbox::Outbox;
use crate::records::SharedRecords;
use sagewright_cloud_iam::Iam;
use sagewright_cloud_resourcegroupstaggingapi::Tagging;
use sagewright_cloud_store_sqlite::SqliteRecords;
use sagewright_cloud_sts::Sts;
use sagewright_cloud_wire::server::record::Recorder;
use sagewright_cloud_wire::server::{Collector, Dispatcher, Front, Guard, serve};
use sagewright_cloud_wire::sigv4::KeyCache;

/// The port and the data folder are taken; nothing is answered yet.
#[derive(Debug)]
pub struct Bound {
    config: Config,
    socket: socket2::Socket,
    address: SocketAddr,
    records: SqliteRecords,
    identity: Identity,
    logs: Streams,
    metrics: Metrics,
    recorder: Option<Recorder>,
    lock: Lock,
    sim: SimClock,
}

impl Bound {
    /// Where it will listen.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Records of all services.
    #[must_use]
    pub fn records(&self) -> SharedRecords {
        Arc::new(self.records.clone())
    }

    /// Accounts, keys and sessions.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.identity.clone()
    }

    /// Log streams.
    #[must_use]
    pub fn logs(&self) -> Streams {
        self.logs.clone()
    }

    /// CloudWatch's metrics.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        self.metrics.clone()
    }

    /// Simulated time; the wall clock's until an earlier process's is taken up.
    #[must_use]
    pub fn sim(&self) -> SimClock {
        self.sim.clone()
    }

    /// A folder for a purpose (`objects`, `work`, …) inside the data folder; not made here.
    #[must_use]
    pub fn folder(&self, name: &str) -> PathBuf {
        self.config.data.join(name)
    }

    /// CloudWatch over this state, for one server: its alarms tell their events to an outbox.
    #[must_use]
    pub fn cloudwatch(&self, outbox: Outbox) -> CloudWatch {
        CloudWatch::new(self.metrics(), self.records(), self.sim(), outbox)
    }

    /// A server with STS, IAM, CloudWatch and CloudWatch Logs, to which the other services are added. Resource Groups Tagging is there
    /// as well: it sets tags through the services that own them.
    #[must_use]
    pub fn server(self) -> ServerBuilder {
        let mut handlers: HashMap<&'static str, Arc<dyn Handler>> = HashMap::new();
        handlers.insert("sts", Arc::new(Sts::new(self.records(), self.identity())));
        handlers.insert("iam", Arc::new(Iam::new(self.records(), self.identity())));
        handlers.insert("logs", Arc::new(LogsService::new(self.records(), self.logs())));
        handlers.insert("cloudwatch", Arc::new(self.cloudwatch(Outbox::default())));
        ServerBuilder { bound: self, handlers, raw: None, control: None }
    }
}

/// The table of services.
pub struct ServerBuilder {
    bound: Bound,
    handlers: HashMap<&'static str, Arc<dyn Handler>>,
    raw: Option<RawService>,
    control: Option<Control>,
}

impl ServerBuilder {
    /// Adds or replaces a service by its botocore id (`sagemaker`, `sagemaker-runtime`, `application-autoscaling`, …).
    #[must_use]
    pub fn handler(mut self, service: &'static str, handler: Arc<dyn Handler>) -> Self {
        self.handlers.insert(service, handler);
        self
    }

    /// Sets the service for requests of the scope `s3`, and for unsigned ones that look like S3's.
    #[must_use]
    pub fn raw(mut self, service: RawService) -> Self {
        self.raw = Some(service);
        self
    }

    /// Lets commands of this machine change the clock.
    #[must_use]
    pub fn control(mut self, control: Control) -> Self {
        self.control = Some(control);
        self
    }

    /// Where it will listen.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.bound.address
    }

    /// Starts listening and answering, on the current tokio runtime. Until then connections are refused.
    ///
    /// # Errors
    /// Another process has begun to listen on the port in the meantime.
    pub fn start(mut self) -> Result<Running, StartError> {
        let tagging = Tagging::new(self.bound.records(), self.handlers.clone());
        self.handlers.insert("resourcegroupstaggingapi", Arc::new(tagging));
        let Bound { config, socket, address, identity, lock, records, sim, recorder, logs, metrics } = self.bound;
        let sim_of_metrics = sim.clone();
        let listener = start::listen(socket, address)?;
        let dispatcher = Dispatcher {
            handlers: self.handlers,
            raw: self.raw,
            identity: identity.clone(),
            keys: KeyCache::default(),
            wall: Arc::clone(&config.wall),
            sim,
            collector: Collector::new(config.limits.clone(), config.max_body),
            guard: Guard::new(address, &config.hosts),
            recorder: recorder.clone(),
            proxy: proxy::Proxy::new(config.data.clone(), address, Arc::clone(&config.wall)),
            control: self.control,
        };
        let front = Arc::new(Front { dispatcher, limits: config.limits.clone() });
        let (stop, stopped) = watch::channel(false);
        let serving = tokio::spawn(serve(listener, front, stopped));
        let logs = LogsService::new(Arc::new(records.clone()), logs);
        let mut background = JoinSet::new();
        background.spawn(async move {
            if let Err(error) = logs.sweep().await {
                tracing::warn!(%error, "cannot remove what is left of removed log groups; the next start tries again");
            }
        });
        background.spawn(metrics.clone().run(sim_of_metrics));
        Ok(Running {
            address,
            config,
            identity,
            records,
            metrics,
            recorder,
            stop,
            serving,
            background,
            lock: Arc::new(lock),
        })
    }
}

/// An embedded cloud that answers. Dropping it stops it at once; [`Running::shutdown`] lets calls finish.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    config: Config,
    identity: Identity,
    records: SqliteRecords,
    metrics: Metrics,
    recorder: Option<Recorder>,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
    /// Ends when this is dropped.
    background: JoinSet<()>,
    lock: Arc<Lock>,
}

impl Running {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What goes into `AWS_ENDPOINT_URL` on this machine.
    #[must_use]
    pub fn endpoint_url(&self) -> String {
        format!("http://{}", reachable(self.address))
    }

    /// Its data folder.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.config.data
    }

    /// An access key of an account, which is made where it does not exist.
    ///
    /// # Errors
    /// The id is not twelve digits, or the database could not be written.
    pub async fn credentials(&self, account: &str) -> Result<AccessKey, ApiError> {
        self.identity.credentials(account).await
    }

    /// What holds the data folder. Another process may take it over once all copies of this are gone, the server's own
    /// included.
    #[must_use]
    pub fn lock(&self) -> Arc<Lock> {
        Arc::clone(&self.lock)
    }

    /// Stops taking connections, lets calls in progress finish (up to five seconds), and closes.
    pub async fn shutdown(mut self) {
        let _ = self.stop.send(true);
        let _ = (&mut self.serving).await;
        self.background.shutdown().await;
        if let Some(recorder) = self.recorder.take() {
            let _ = tokio::task::spawn_blocking(move || recorder.flush()).await;
        }
        if let Err(error) = self.metrics.flush().await {
            tracing::warn!(%error, "what was measured in the last seconds is lost");
        }
        self.records.fold().await;
    }
}

/// The address by which programs of this machine reach a listener: of one that listens on all, loopback.
#[must_use]
pub fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(if address.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() });
    }
    address
}

impl Drop for Running {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
