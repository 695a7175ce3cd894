//! The port behind which jobs and model servers run: as processes, or in a container engine. Who
//! runs something describes it as a [`Workload`] and knows nothing of how it is run.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

pub mod identity;
pub mod journal;
pub mod lines;
pub mod workload;

pub use identity::{Identity, JobEnvironment, NoEnvironment};
pub use journal::Journal;
pub use workload::{Capabilities, Labels, Mount, Port, Resources, Workload};

/// The built-in images that nothing but processing jobs can run, as [`Runner::built_in`] names them.
pub const MODEL_MONITOR: &str = "model-monitor";

/// How a container ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// With an exit code.
    Code(i32),
    /// By a signal.
    Signal(i32),
    /// Nobody knows: its runner has lost it.
    Lost,
}

impl Exit {
    /// The exit code as Docker and SageMaker report it: 128 and the signal's number for a killed process.
    #[must_use]
    pub fn code(self) -> i32 {
        match self {
            Self::Code(code) => code,
            Self::Signal(signal) => 128 + signal,
            Self::Lost => 128 + 9,
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
    /// The machine could not start it now, and may be able to later: it has no memory, processes or descriptors left.
    #[error("cannot start the container of {image} now: {why}")]
    Fault {
        /// Image URI.
        image: String,
        /// Cause.
        why: String,
    },
}

/// What a step of a pipeline calls, which a user's command stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Called {
    /// A Lambda function, by its ARN.
    Function,
    /// An SQS queue, by its URL.
    Queue,
}

/// Takes each line that a container writes, standard output and error alike. It may write to the disk and take its time:
/// who calls it must not be an async worker.
pub type LineSink = Arc<dyn Fn(&str) + Send + Sync>;

/// What the programs of a container take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Computing time since the container's start, of all cores together.
    pub cpu: Duration,
    /// Memory that they have now, in bytes.
    pub memory: u64,
    /// Memory of the machine, in bytes.
    pub machine: u64,
}

/// Measures a container for as long as it runs; it may take some milliseconds, and block.
pub type Meter = Arc<dyn Fn() -> Option<Usage> + Send + Sync>;

/// Starts containers.
#[async_trait]
pub trait Runner: Send + Sync + 'static {
    /// Whether an image can be run here, without starting it; the error says what to do instead.
    ///
    /// # Errors
    /// [`RunnerError::UnknownImage`].
    fn check(&self, image: &str) -> Result<(), RunnerError>;

    /// The same for a script of the user's, which an image of a built-in algorithm runs, too.
    ///
    /// # Errors
    /// [`RunnerError::UnknownImage`].
    fn check_script(&self, image: &str) -> Result<(), RunnerError> {
        self.check(image)
    }

    /// Whether an image does nothing but run scripts of its users, one at a time.
    fn only_scripts(&self, image: &str) -> bool {
        let _ = image;
        false
    }

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

    /// Starts a workload. It ends when the returned value is dropped, and with this process unless the runner can
    /// re-attach.
    ///
    /// # Errors
    /// The image is unknown, the runner cannot do what is asked, or the start failed.
    async fn start(&self, workload: &Workload, lines: LineSink) -> Result<Box<dyn Container>, RunnerError>;

    /// What it can do on this machine.
    async fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    /// Where programs of an image find a mount in any case, for variables that hold paths.
    fn visible_at<'a>(&self, image: &str, mount: &'a Mount) -> &'a Path {
        let _ = image;
        &mount.path
    }

    /// What runs of this cloud, whichever process of it started that.
    ///
    /// # Errors
    /// The runner cannot be asked.
    async fn list(&self) -> Result<Vec<Labels>, RunnerError> {
        Ok(Vec::new())
    }

    /// Takes up what an earlier process of this cloud started; `None` where it has ended. A runner that cannot
    /// re-attach ends it.
    ///
    /// # Errors
    /// As [`Runner::list`].
    async fn attach(&self, labels: &Labels, lines: LineSink) -> Result<Option<Box<dyn Container>>, RunnerError> {
        let _ = (labels, lines);
        Ok(None)
    }
}

/// A running container.
#[async_trait]
pub trait Container: Send {
    /// Where it serves requests, for a workload with a port.
    fn address(&self) -> Option<SocketAddr>;
    /// Where its programs find what is mounted at `/opt/ml`: there, or in its source.
    fn root(&self) -> &Path;
    /// What measures it, where the runner can.
    fn meter(&self) -> Option<Meter> {
        None
    }
    /// Waits for its end. All lines have reached the sink when this returns.
    async fn wait(&mut self) -> Exit;
    /// SIGTERM, `grace`, SIGKILL; for all processes that it started. What it left belongs to the user of this process when this
    /// returns, also where it had ended before.
    async fn stop(&mut self, grace: Duration) -> Exit;
}
