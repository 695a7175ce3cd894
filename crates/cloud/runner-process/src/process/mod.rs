//! The process runner: containers as plain processes of this machine, without Docker and without root.
//!
//! A process gets its own session and process group, an environment that starts empty, and the job's folder as
//! `SAGEMAKER_BASE_DIR`, which SageMaker's training and inference toolkits honour; programs of the image map also see
//! it as `/opt/ml` where Linux lets the user make a mount namespace. Nothing outlives the cloud (see `group.rs`).

use std::collections::{BTreeMap, HashMap};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::OnceCell;

use super::frameworks::{Environment, Environments, Framework};
use super::images::{BuiltIn, ImageMap, LiveMap, Program};
use sagewright_cloud_core::clock::SharedWall;
use sagewright_cloud_core::runner::workload::OPT_ML;
use sagewright_cloud_core::runner::{
    Capabilities, Container, Labels, LineSink, Mount, Port, Runner, RunnerError, Workload,
};

mod command;
pub mod commands;
mod container;
mod group;
mod namespace;
mod output;
mod ports;
mod spawn;
pub mod strays;
mod usage;
mod veil;

use command::Launch;
use container::{Place, ProcessContainer};
use namespace::View;
pub use veil::Hidden;

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
    /// Where scripts run.
    pub environments: Environments,
    /// What programs do not see, where the machine allows it.
    pub hidden: Option<Hidden>,
    /// Measures grace periods.
    pub clock: SharedWall,
}

/// Variables of an algorithm, once it is ready.
type Prepared = Arc<OnceCell<BTreeMap<String, String>>>;

/// An image of the container engine, with the variables that the image map adds.
pub type InEngine = (String, BTreeMap<String, String>);

/// Starts containers as processes.
pub struct ProcessRunner {
    program: PathBuf,
    images: LiveMap,
    preparer: Arc<dyn Preparer>,
    cloud: String,
    environments: Environments,
    hidden: Option<Hidden>,
    clock: SharedWall,
    // One cell for each algorithm: concurrent callers wait for the same preparation, and a failed one is tried again.
    prepared: Mutex<HashMap<BuiltIn, Prepared>>,
}

impl ProcessRunner {
    /// A runner; starts nothing yet.
    #[must_use]
    pub fn new(config: ProcessConfig) -> Self {
        let ProcessConfig { program, images, preparer, cloud, environments, hidden, clock } = config;
        let images = LiveMap::new(images);
        Self { program, images, preparer, cloud, environments, hidden, clock, prepared: Mutex::default() }
    }

    fn images(&self) -> Result<Arc<ImageMap>, RunnerError> {
        self.images.now().map_err(|error| RunnerError::UnknownImage(error.to_string()))
    }

    /// The image that the container engine has to run for this one, with variables to add; `None` where a process does.
    ///
    /// # Errors
    /// As [`Runner::check`].
    pub fn in_engine(&self, image: &str) -> Result<Option<InEngine>, RunnerError> {
        Ok(match self.images()?.resolve(image)? {
            Program::Engine(own, env) => Some((own.to_owned(), env.clone())),
            _ => None,
        })
    }

    /// Whether the image map has images of the container engine.
    pub fn uses_engine(&self) -> bool {
        self.images().is_ok_and(|images| images.uses_engine())
    }

    /// The environment of a framework, which is installed only when its user asks for it.
    fn environment(&self, image: &str, framework: &'static Framework) -> Result<Environment, RunnerError> {
        self.environments.find(framework).ok_or_else(|| {
            let missing = blocking(|| self.environments.missing(framework));
            RunnerError::UnknownImage(format!("cannot run image '{image}': {missing}"))
        })
    }

    fn look(&self, image: &str, program: Program<'_>) -> Result<(), RunnerError> {
        if let Program::Script(script) = program {
            self.environment(image, script.framework)?;
        }
        Ok(())
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

    /// Gives a program a view of its own, where the machine allows it. One that does not see `/opt/ml` is told of its
    /// folder in its arguments.
    async fn veiled(&self, launch: Launch, workload: &Workload, base: &Path, opt_ml: bool) -> Launch {
        let means = if opt_ml || workload.isolated { namespace::means().await } else { None };
        let launch = if opt_ml && means.is_some() { launch } else { launch.without_opt_ml() };
        let Some(means) = means else { return launch };
        let hosts: Vec<String> = workload.hosts.iter().map(|(name, address)| format!("{address} {name}")).collect();
        let view = View {
            base: std::fs::canonicalize(base).unwrap_or_else(|_| base.to_path_buf()),
            opt_ml,
            hosts: hosts.join("\n"),
            hidden: self.hidden.as_ref().map(|hidden| (hidden.folder.clone(), hidden.kept())),
            sealed: workload.isolated,
        };
        launch.within(means, &view)
    }
}

/// A program that is not there or cannot be run is whoever mapped it's to mend; whatever else is in the way is the machine's.
fn not_started(image: &str, error: &std::io::Error) -> RunnerError {
    use std::io::ErrorKind::{ArgumentListTooLong, InvalidInput, NotADirectory, NotFound, PermissionDenied};
    let (image, why) = (image.to_owned(), error.to_string());
    // What has no format that the system can run has no kind of its own.
    let no_program = error.raw_os_error() == Some(rustix::io::Errno::NOEXEC.raw_os_error());
    match error.kind() {
        NotFound | PermissionDenied | NotADirectory | InvalidInput | ArgumentListTooLong => {
            RunnerError::Start { image, why }
        }
        _ if no_program => RunnerError::Start { image, why },
        _ => RunnerError::Fault { image, why },
    }
}

/// Does what takes long on this thread, which hands its other tasks to another one first.
fn blocking<T>(act: impl FnOnce() -> T) -> T {
    let flavor = Handle::try_current().map(|runtime| runtime.runtime_flavor());
    if matches!(flavor, Ok(RuntimeFlavor::MultiThread)) { tokio::task::block_in_place(act) } else { act() }
}

/// The folder behind `/opt/ml`, which is all that a process can be given.
fn base(workload: &Workload) -> Result<&Path, String> {
    match &*workload.mounts {
        [Mount { source, path, read_only: false }] if path == Path::new(OPT_ML) => Ok(source),
        mounts => {
            let paths: Vec<String> = mounts.iter().map(|mount| mount.path.display().to_string()).collect();
            Err(format!("as a process it has one writable mount at {OPT_ML}, not these: {}", paths.join(", ")))
        }
    }
}

#[async_trait]
impl Runner for ProcessRunner {
    fn check(&self, image: &str) -> Result<(), RunnerError> {
        self.look(image, self.images()?.resolve(image)?)
    }

    fn check_script(&self, image: &str) -> Result<(), RunnerError> {
        self.look(image, self.images()?.resolve_script(image)?)
    }

    fn only_scripts(&self, image: &str) -> bool {
        self.images().is_ok_and(|images| matches!(images.resolve(image), Ok(Program::Script(_))))
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

    async fn start(&self, workload: &Workload, lines: LineSink) -> Result<Box<dyn Container>, RunnerError> {
        let fail = |why: String| RunnerError::Start { image: workload.image.clone(), why };
        let base = base(workload).map_err(fail)?;
        let images = self.images()?;
        let mut kept = None;
        let program = if workload.runs_script() {
            images.resolve_script(&workload.image)?
        } else {
            images.resolve(&workload.image)?
        };
        let launch = match program {
            Program::Script(script) => {
                let environment = self.environment(&workload.image, script.framework)?;
                kept = Some(environment.in_use().map_err(|e| fail(e.to_string()))?);
                let launch = blocking(|| Launch::script(script, &environment, workload, base)).map_err(fail)?;
                self.veiled(launch, workload, base, true).await
            }
            Program::BuiltIn(algorithm, tag) => {
                let variables = self.ready(&workload.image, algorithm, lines.clone()).await?;
                Launch::built_in(&self.program, algorithm, tag, workload, base, variables)
            }
            Program::Engine(own, _) => {
                return Err(fail(format!("Docker's image {own} does not run as a process")));
            }
            Program::Mapped(entry) => {
                let launch = Launch::mapped(entry, workload, base, images.path()).map_err(fail)?;
                self.veiled(launch, workload, base, entry.opt_ml).await
            }
        };
        let port = match workload.port {
            Port::None => None,
            port => {
                let lease = ports::lease(port == Port::Held);
                Some(lease.map_err(|e| fail(format!("no free port on 127.0.0.1: {e}")))?)
            }
        };
        let address = port.as_ref().map(|p| SocketAddr::from((Ipv4Addr::LOCALHOST, p.number())));
        let root = launch.root.clone();
        let command = launch.command(workload, address.map(|a| a.port())).map_err(fail)?;
        let mark = strays::mark(&self.cloud, &workload.labels);
        let place = Place { root, port, _environment: kept };
        let container = ProcessContainer::start(command, mark, lines, place, self.clock.clone());
        let container = container.await.map_err(|error| not_started(&workload.image, &error))?;
        tracing::debug!(workload = %workload.labels, image = workload.image, pid = container.pid(), "container started");
        Ok(Box::new(container))
    }

    async fn capabilities(&self) -> Capabilities {
        let means = namespace::means().await;
        Capabilities {
            paths: means.is_some(),
            hides_cloud: means.is_some_and(|means| means.seals()) && self.hidden.is_some(),
            ..Capabilities::default()
        }
    }

    fn visible_at<'a>(&self, _: &str, mount: &'a Mount) -> &'a Path {
        &mount.source
    }

    async fn list(&self) -> Result<Vec<Labels>, RunnerError> {
        let cloud = self.cloud.clone();
        Ok(tokio::task::spawn_blocking(move || strays::list(&cloud)).await.unwrap_or_default())
    }

    /// A process whose parent has ended cannot be waited for, and its output goes nowhere: what is left is ended.
    async fn attach(&self, labels: &Labels, _: LineSink) -> Result<Option<Box<dyn Container>>, RunnerError> {
        let (cloud, labels) = (self.cloud.clone(), labels.clone());
        let _ = tokio::task::spawn_blocking(move || strays::end_labelled(&cloud, &labels)).await;
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Error;

    use rustix::io::Errno;

    use super::*;

    #[test]
    fn a_program_that_cannot_be_run_is_told_from_a_machine_that_has_nothing_left() {
        let fault = |errno: Errno| {
            let error = Error::from_raw_os_error(errno.raw_os_error());
            matches!(not_started("image", &error), RunnerError::Fault { .. })
        };
        for errno in [Errno::NOENT, Errno::ACCESS, Errno::NOTDIR, Errno::NOEXEC, Errno::TOOBIG] {
            assert!(!fault(errno), "{errno:?}");
        }
        for errno in [Errno::AGAIN, Errno::NOMEM, Errno::MFILE, Errno::NFILE, Errno::IO] {
            assert!(fault(errno), "{errno:?}");
        }
    }
}
