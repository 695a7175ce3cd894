//! The port behind which jobs and model servers run: processes now, Docker and Kubernetes by the same face later.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

pub mod identity;
pub mod journal;

pub use identity::{Identity, JobEnvironment, NoEnvironment};
pub use journal::Journal;

/// One container to start.
#[derive(Debug, Clone)]
pub struct ContainerSpec {
    /// Unique and stable: the job's or server's ARN with the host's or copy's name.
    pub id: String,
    /// Image URI as the user gave it.
    pub image: String,
    /// Replaces the image's entrypoint, as Docker does.
    pub entrypoint: Option<Vec<String>>,
    /// Arguments: `["train"]`, `["serve"]`, or the user's own.
    pub arguments: Vec<String>,
    /// Environment of the container contract.
    pub environment: BTreeMap<String, String>,
    /// Folder of this machine that the container sees as `/opt/ml`.
    pub base: PathBuf,
    /// Whether it must listen for requests, and where.
    pub port: Port,
    /// Names that its programs can look up, where the machine allows it; all are of this machine.
    pub hosts: Vec<(String, Ipv4Addr)>,
}

/// The port of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Port {
    /// It takes no requests.
    None,
    /// Kept from other programs for it, where the system can do that. It must bind with `SO_REUSEADDR`, as servers do.
    Held,
    /// Free at its start; another program may take it first.
    Free,
}

/// How a container ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// With an exit code.
    Code(i32),
    /// By a signal.
    Signal(i32),
}

impl Exit {
    /// The exit code as Docker and SageMaker report it: 128 and the signal's number for a killed process.
    #[must_use]
    pub fn code(self) -> i32 {
        match self {
            Self::Code(code) => code,
            Self::Signal(signal) => 128 + signal,
        }
    }
}

/// Why a container could not be started.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RunnerError {
    /// The runner has nothing for this image.
    #[error("{0}")]
    UnknownImage(String),
    /// Starting failed.
    #[error("cannot start the container of {image}: {why}")]
    Start {
        /// Image URI.
        image: String,
        /// Cause and what to do.
        why: String,
    },
}

/// Takes each line that a container writes, standard output and error alike. It may write to the disk and take its time:
/// who calls it must not be an async worker.
pub type LineSink = Arc<dyn Fn(&str) + Send + Sync>;

/// Starts containers.
#[async_trait]
pub trait Runner: Send + Sync + 'static {
    /// Whether an image can be run here, without starting it; the error says what to do instead.
    ///
    /// # Errors
    /// [`RunnerError::UnknownImage`].
    fn check(&self, image: &str) -> Result<(), RunnerError>;

    /// The name of the built-in algorithm that an image stands for (`xgboost`); `None` for every other image.
    fn built_in(&self, image: &str) -> Option<&'static str> {
        let _ = image;
        None
    }

    /// Makes what the image needs (a library, an environment) ready; slow at most once for each image.
    ///
    /// # Errors
    /// The image is unknown or cannot be made ready.
    async fn prepare(&self, image: &str, lines: LineSink) -> Result<(), RunnerError>;

    /// Starts a container. It ends when the returned value is dropped, and with this process.
    ///
    /// # Errors
    /// The image is unknown or the start failed.
    async fn start(&self, spec: &ContainerSpec, lines: LineSink) -> Result<Box<dyn Container>, RunnerError>;
}

/// A running container.
#[async_trait]
pub trait Container: Send {
    /// Where it serves requests, for a spec with a port.
    fn address(&self) -> Option<SocketAddr>;
    /// Where its programs find the spec's `base`: `/opt/ml`, or the folder itself.
    fn root(&self) -> &Path;
    /// Waits for its end. All lines have reached the sink when this returns.
    async fn wait(&mut self) -> Exit;
    /// SIGTERM, `grace`, SIGKILL; for all processes that it started.
    async fn stop(&mut self, grace: Duration) -> Exit;
}
