//! The container engine as a runner: Docker, or Podman with Docker's API, over its socket.
//!
//! Images are run as they are: `/opt/ml` is the job's folder, programs listen on port 8080, and network isolation is the
//! engine's. No image is fetched unasked.

mod container;
mod engine;
mod output;
mod request;

use std::collections::{BTreeMap, HashMap};

use bollard::errors::Error;
use bollard::query_parameters::{InspectContainerOptions, ListContainersOptionsBuilder};
use futures_util::future::join_all;
use tokio::sync::OnceCell;

use container::{DockerContainer, Run};
use engine::{Engine, SHORT, told};
use sagewright_cloud_core::clock::SharedWall;
use sagewright_cloud_core::runner::{Container, LineSink, RunnerError, Workload};

/// Where the engine answers unless `DOCKER_HOST` says otherwise.
pub const SOCKET: &str = "unix:///var/run/docker.sock";

/// Runs workloads in a container engine.
pub struct DockerRunner {
    engine: Result<Engine, String>,
    host: String,
    cloud: String,
    /// Set once nothing is left in the engine of an earlier process of this cloud.
    cleared: OnceCell<()>,
}

/// What an engine is asked for.
enum Asked {
    /// Its image.
    Image,
    /// A container, which it has made.
    Container,
}

impl DockerRunner {
    /// A runner; nothing is asked yet. `host` is `unix:///PATH` or `tcp://HOST:PORT`, `cloud` marks this cloud's containers.
    #[must_use]
    pub fn new(host: &str, cloud: String, clock: SharedWall) -> Self {
        Self { engine: Engine::at(host, clock), host: host.to_owned(), cloud, cleared: OnceCell::new() }
    }

    fn engine(&self, image: &str) -> Result<&Engine, RunnerError> {
        self.engine.as_ref().map_err(|why| RunnerError::Start { image: image.to_owned(), why: why.clone() })
    }

    fn silent(&self, error: &Error) -> String {
        format!(
            "no container engine answers at {} ({}): start Docker or Podman, or name its socket in DOCKER_HOST",
            self.host,
            told(error)
        )
    }

    /// What an answer means for an image. An engine that does not answer may do so later.
    fn failed(&self, image: &str, asked: &Asked, error: &Error) -> RunnerError {
        let why = match (error, asked) {
            (Error::DockerResponseServerError { status_code: 404, .. }, Asked::Image) => {
                format!("the container engine does not have it, and nothing is fetched unasked: docker pull {image}")
            }
            (Error::DockerResponseServerError { message, .. }, _) => message.clone(),
            (other, _) => return RunnerError::Fault { image: image.to_owned(), why: self.silent(other) },
        };
        RunnerError::Start { image: image.to_owned(), why }
    }

    /// Whether the engine has an image.
    ///
    /// # Errors
    /// It has not, or does not answer; the error says what to do.
    pub async fn prepare(&self, image: &str) -> Result<(), RunnerError> {
        let engine = self.engine(image)?;
        let found = engine.ask(engine.calls.inspect_image(image)).await;
        found.map(drop).map_err(|error| self.failed(image, &Asked::Image, &error))
    }

    /// Starts a workload with an image of the engine's, and with variables of the image map.
    ///
    /// # Errors
    /// The engine does not have the image, or the start failed.
    pub async fn start(
        &self,
        image: &str,
        variables: &BTreeMap<String, String>,
        workload: &Workload,
        lines: LineSink,
    ) -> Result<Box<dyn Container>, RunnerError> {
        let engine = self.engine(image)?;
        // A job that runs again must not run beside what is left of it.
        self.clear().await.map_err(|why| RunnerError::Fault { image: image.to_owned(), why })?;
        let body = request::create(image, &self.cloud, variables, workload);
        let owner = request::give_back(&body);
        let made = engine.ask(engine.calls.create_container(None, body)).await;
        let made = made.map_err(|error| self.failed(image, &Asked::Image, &error))?;
        let run = Run { engine: engine.clone(), id: made.id };
        let begun = async {
            engine.ask(engine.calls.start_container(&run.id, None)).await?;
            let inspected = engine.calls.inspect_container(&run.id, None::<InspectContainerOptions>);
            request::address(workload.port, &engine.ask(inspected).await?)
        };
        match begun.await {
            Ok(address) => {
                tracing::debug!(workload = %workload.labels, image, container = run.id, "container started");
                Ok(Box::new(DockerContainer::watch(run, address, owner, lines)))
            }
            Err(error) => {
                tokio::spawn(async move { run.remove().await });
                Err(self.failed(image, &Asked::Container, &error))
            }
        }
    }

    /// Ends what an earlier process of this cloud left in the engine, once. What it wrote meanwhile is lost.
    ///
    /// # Errors
    /// The engine does not answer; it is asked again before the next start.
    pub async fn clear(&self) -> Result<(), String> {
        self.cleared.get_or_try_init(|| self.end_all()).await.map(drop)
    }

    /// Removes all that runs of this cloud.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn end_all(&self) -> Result<(), String> {
        let engine = self.engine.as_ref().map_err(Clone::clone)?;
        let filters = HashMap::from([("label".to_owned(), vec![request::mark(&self.cloud)])]);
        let query = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
        let found = engine.within(SHORT, engine.calls.list_containers(Some(query))).await;
        let found = found.map_err(|error| self.silent(&error))?;
        let runs = found.into_iter().filter_map(|container| Some(Run { engine: engine.clone(), id: container.id? }));
        join_all(runs.map(|run| async move { run.end().await })).await;
        Ok(())
    }
}
