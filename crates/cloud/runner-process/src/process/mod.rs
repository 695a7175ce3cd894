//! The process runner: containers as plain processes of this machine, without Docker and without root.
//!
//! A process gets its own session and process group, an environment that starts empty, and the job's folder as
//! `SAGEMAKER_BASE_DIR`, which SageMaker's training and inference toolkits honour; programs of the image map also see
//! it as `/opt/ml` where Linux lets the user make a mount namespace. Nothing outlives the cloud (see `group.rs`).

use std::collections::{BTreeMap, HashMap};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use tokio::sync::OnceCell;

use super::images::{BuiltIn, ImageMap, LiveMap, Program};
use sagewright_cloud_core::clock::SharedClock;
use sagewright_cloud_core::runner::{Container, ContainerSpec, LineSink, Port, Runner, RunnerError};

mod command;
mod container;
mod group;
mod namespace;
mod output;
mod ports;
mod spawn;
pub mod strays;

use command::Launch;
use container::{Place, ProcessContainer};

/// Makes a built-in algorithm ready.
#[async_trait]
pub trait Preparer: Send + Sync + 'static {
    /// Fetches what the algorithm needs; gives the variables that its processes get. `lines` takes progress for people.
    ///
    /// # Errors
    /// A sentence: what failed, why, what to do.
    async fn prepare(&self, algorithm: BuiltIn, lines: LineSink) -> Result<BTreeMap<String, String>, String>;
}

/// What the process runner needs.
#[derive(Clone)]
pub struct ProcessConfig {
    /// The program that runs built-in algorithms, as `PROGRAM algorithm NAME train|serve`.
    pub program: PathBuf,
    /// The user's image map; its file is read again when it has changed.
    pub images: ImageMap,
    /// Makes built-in algorithms ready.
    pub preparer: Arc<dyn Preparer>,
    /// Marks the processes of this cloud, also for the next one on the same state.
    pub cloud: String,
    /// Measures grace periods.
    pub clock: SharedClock,
}

/// Variables of an algorithm, once it is ready.
type Prepared = Arc<OnceCell<BTreeMap<String, String>>>;

/// Starts containers as processes.
pub struct ProcessRunner {
    program: PathBuf,
    images: LiveMap,
    preparer: Arc<dyn Preparer>,
    cloud: String,
    clock: SharedClock,
    // One cell for each algorithm: concurrent callers wait for the same preparation, and a failed one is tried again.
    prepared: Mutex<HashMap<BuiltIn, Prepared>>,
}

impl ProcessRunner {
    /// A runner; starts nothing yet.
    #[must_use]
    pub fn new(config: ProcessConfig) -> Self {
        let ProcessConfig { program, images, preparer, cloud, clock } = config;
        Self { program, images: LiveMap::new(images), preparer, cloud, clock, prepared: Mutex::default() }
    }

    fn images(&self) -> Result<Arc<ImageMap>, RunnerError> {
        self.images.now().map_err(|error| RunnerError::UnknownImage(error.to_string()))
    }

    async fn ready(
        &self,
        image: &str,
        algorithm: BuiltIn,
        lines: LineSink,
    ) -> Result<BTreeMap<String, String>, RunnerError> {
        let cell = {
            let mut prepared = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
            prepared.entry(algorithm).or_default().clone()
        };
        let made = cell.get_or_try_init(|| self.preparer.prepare(algorithm, lines)).await;
        made.cloned().map_err(|why| RunnerError::Start { image: image.to_owned(), why })
    }
}

#[async_trait]
impl Runner for ProcessRunner {
    fn check(&self, image: &str) -> Result<(), RunnerError> {
        self.images()?.resolve(image).map(|_| ())
    }

    fn built_in(&self, image: &str) -> Option<&'static str> {
        match self.images().ok()?.resolve(image) {
            Ok(Program::BuiltIn(algorithm, _)) => Some(algorithm.name()),
            _ => None,
        }
    }

    async fn prepare(&self, image: &str, lines: LineSink) -> Result<(), RunnerError> {
        if let Program::BuiltIn(algorithm, _) = self.images()?.resolve(image)? {
            self.ready(image, algorithm, lines).await?;
        }
        Ok(())
    }

    async fn start(&self, spec: &ContainerSpec, lines: LineSink) -> Result<Box<dyn Container>, RunnerError> {
        let fail = |why: String| RunnerError::Start { image: spec.image.clone(), why };
        let images = self.images()?;
        let launch = match images.resolve(&spec.image)? {
            Program::BuiltIn(algorithm, tag) => {
                let variables = self.ready(&spec.image, algorithm, lines.clone()).await?;
                Launch::built_in(&self.program, algorithm, tag, spec, variables).map_err(fail)?
            }
            Program::Mapped(entry) => {
                let launch = Launch::mapped(entry, spec, images.path()).map_err(fail)?;
                if entry.opt_ml { namespace::wrap(launch, spec).await } else { launch }
            }
        };
        let port = match spec.port {
            Port::None => None,
            port => {
                let lease = ports::lease(port == Port::Held);
                Some(lease.map_err(|e| fail(format!("no free port on 127.0.0.1: {e}")))?)
            }
        };
        let address = port.as_ref().map(|p| SocketAddr::from((Ipv4Addr::LOCALHOST, p.number())));
        let root = launch.root.clone();
        let command = launch.command(spec, address.map(|a| a.port())).map_err(fail)?;
        let mark = format!("{}/{}", self.cloud, uuid::Uuid::new_v4());
        let place = Place { root, port };
        let container = ProcessContainer::start(command, mark, lines, place, self.clock.clone());
        let container = container.await.map_err(|e| fail(e.to_string()))?;
        tracing::debug!(id = spec.id, image = spec.image, pid = container.pid(), "container started");
        Ok(Box::new(container))
    }
}
