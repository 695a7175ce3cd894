//! The container engine as a runner: Docker, or Podman with Docker's API, over its socket.
//!
//! Images are run as they are: `/opt/ml` is the job's folder, programs listen on port 8080, and network isolation is the
//! engine's. No image is fetched unasked.

mod container;
mod request;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use bollard::Docker;
use bollard::errors::Error;
use bollard::query_parameters::{InspectContainerOptions, ListContainersOptionsBuilder, RemoveContainerOptionsBuilder};

use container::{DockerContainer, Run};
use sagewright_cloud_core::clock::SharedWall;
use sagewright_cloud_core::runner::{Capabilities, Container, Labels, LineSink, RunnerError, Workload};

/// Where the engine answers unless `DOCKER_HOST` says otherwise.
pub const SOCKET: &str = "unix:///var/run/docker.sock";

/// Longest wait for an answer that does not depend on a container, in seconds; a stop has its grace besides.
const PATIENCE: u64 = 300;

/// Runs workloads in a container engine.
pub struct DockerRunner {
    engine: Result<Docker, String>,
    host: String,
    cloud: String,
    clock: SharedWall,
}

impl DockerRunner {
    /// A runner; nothing is asked yet. `host` is `unix:///PATH` or `tcp://HOST:PORT`, `cloud` marks this cloud's containers.
    #[must_use]
    pub fn new(host: &str, cloud: String, clock: SharedWall) -> Self {
        let engine = if host.starts_with("tcp://") {
            Docker::connect_with_http(host, PATIENCE, bollard::API_DEFAULT_VERSION)
        } else {
            Docker::connect_with_unix(host, PATIENCE, bollard::API_DEFAULT_VERSION)
        };
        Self { engine: engine.map_err(|e| e.to_string()), host: host.to_owned(), cloud, clock }
    }

    fn engine(&self) -> Result<&Docker, String> {
        self.engine.as_ref().map_err(|why| self.silent(why))
    }

    fn silent(&self, why: &str) -> String {
        format!(
            "no container engine answers at {} ({why}): start Docker or Podman, or name its socket in DOCKER_HOST",
            self.host
        )
    }

    /// What an answer means for an image.
    fn told(&self, image: &str, error: &Error) -> String {
        match error {
            Error::DockerResponseServerError { status_code: 404, .. } => {
                format!("the container engine does not have it, and nothing is fetched unasked: docker pull {image}")
            }
            Error::DockerResponseServerError { message, .. } => message.clone(),
            other => self.silent(&other.to_string()),
        }
    }

    /// Whether the engine has an image.
    ///
    /// # Errors
    /// It has not, or does not answer; the error says what to do.
    pub async fn prepare(&self, image: &str) -> Result<(), RunnerError> {
        let fail = |why| RunnerError::Start { image: image.to_owned(), why };
        let engine = self.engine().map_err(fail)?;
        engine.inspect_image(image).await.map(drop).map_err(|e| fail(self.told(image, &e)))
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
        let fail = |why: String| RunnerError::Start { image: image.to_owned(), why };
        let engine = self.engine().map_err(fail)?;
        let body = request::create(image, &self.cloud, variables, workload);
        let made = engine.create_container(None, body).await.map_err(|e| fail(self.told(image, &e)))?;
        let run = Run { engine: engine.clone(), id: made.id, clock: Arc::clone(&self.clock) };
        let begun = async {
            run.engine.start_container(&run.id, None).await?;
            request::address(
                workload.port,
                &run.engine.inspect_container(&run.id, None::<InspectContainerOptions>).await?,
            )
        };
        match begun.await {
            Ok(address) => {
                let owner =
                    request::owner(workload).map(|owner| request::give_back(image, &self.cloud, owner, workload));
                tracing::debug!(workload = %workload.labels, image, container = run.id, "container started");
                Ok(Box::new(DockerContainer::watch(run, address, owner, lines)))
            }
            Err(error) => {
                run.remove().await;
                Err(fail(self.told(image, &error)))
            }
        }
    }

    /// What it can do.
    #[must_use]
    pub fn capabilities(&self) -> Capabilities {
        Capabilities { paths: true, hides_cloud: true, network_isolation: true, ..Capabilities::default() }
    }

    /// Where programs find a mount: at its path.
    #[must_use]
    pub fn visible_at<'a>(&self, mount: &'a sagewright_cloud_core::runner::Mount) -> &'a Path {
        &mount.path
    }

    /// What runs of this cloud. An engine that does not answer runs nothing.
    pub async fn list(&self) -> Vec<Labels> {
        self.containers(None).await.into_iter().map(|(labels, _)| labels).collect()
    }

    /// Ends what an earlier process of this cloud left running; what it wrote meanwhile is nowhere.
    pub async fn end(&self, labels: &Labels) {
        let Ok(engine) = self.engine() else { return };
        for (_, id) in self.containers(Some(labels)).await {
            let force = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
            if let Err(error) = engine.remove_container(&id, Some(force)).await {
                tracing::warn!(%error, workload = %labels, "a container that an earlier process left may go on");
            }
        }
    }

    /// Removes all that runs of this cloud.
    pub async fn end_all(&self) {
        for labels in self.list().await {
            self.end(&labels).await;
        }
    }

    /// Containers of this cloud, or of one workload of it, with their ids.
    async fn containers(&self, wanted: Option<&Labels>) -> Vec<(Labels, String)> {
        let Ok(engine) = self.engine() else { return Vec::new() };
        let filters = HashMap::from([("label".to_owned(), vec![request::mark(&self.cloud)])]);
        let query = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
        let found = engine.list_containers(Some(query)).await.unwrap_or_default();
        let labelled = found.into_iter().filter_map(|c| Some((request::labels(&c.labels.unwrap_or_default())?, c.id?)));
        labelled.filter(|(labels, _)| wanted.is_none_or(|wanted| wanted == labels)).collect()
    }
}
