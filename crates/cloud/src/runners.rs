//! The runners as one: an image of the container engine's runs there, every other one as processes.

use std::path::Path;

use async_trait::async_trait;
use sagewright_cloud_core::runner::{Capabilities, Container, Labels, LineSink, Mount, Runner, RunnerError, Workload};
use sagewright_cloud_runner_docker::DockerRunner;
use sagewright_cloud_runner_process::process::ProcessRunner;

/// Runs each workload where its image runs. The image map, which the process runner keeps, says where that is.
pub struct Runners {
    /// Processes of this machine.
    pub process: ProcessRunner,
    /// The container engine.
    pub docker: DockerRunner,
}

impl Runners {
    fn is_in_engine(&self, image: &str) -> bool {
        self.process.in_engine(image).is_ok_and(|found| found.is_some())
    }
}

#[async_trait]
impl Runner for Runners {
    fn check(&self, image: &str) -> Result<(), RunnerError> {
        self.process.check(image)
    }

    fn check_script(&self, image: &str) -> Result<(), RunnerError> {
        self.process.check_script(image)
    }

    fn only_scripts(&self, image: &str) -> bool {
        self.process.only_scripts(image)
    }

    fn built_in(&self, image: &str) -> Option<&'static str> {
        self.process.built_in(image)
    }

    async fn prepare(&self, image: &str, lines: LineSink) -> Result<(), RunnerError> {
        match self.process.in_engine(image)? {
            Some((own, _)) => self.docker.prepare(&own).await,
            None => self.process.prepare(image, lines).await,
        }
    }

    async fn start(&self, workload: &Workload, lines: LineSink) -> Result<Box<dyn Container>, RunnerError> {
        match self.process.in_engine(&workload.image)? {
            Some((own, variables)) => self.docker.start(&own, &variables, workload, lines).await,
            None => self.process.start(workload, lines).await,
        }
    }

    /// What processes can do.
    async fn capabilities(&self) -> Capabilities {
        self.process.capabilities().await
    }

    fn visible_at<'a>(&self, image: &str, mount: &'a Mount) -> &'a Path {
        if self.is_in_engine(image) { &mount.path } else { self.process.visible_at(image, mount) }
    }

    /// Processes: the engine ends what is left in it by itself ([`DockerRunner::clear`]).
    async fn list(&self) -> Result<Vec<Labels>, RunnerError> {
        self.process.list().await
    }

    async fn attach(&self, labels: &Labels, lines: LineSink) -> Result<Option<Box<dyn Container>>, RunnerError> {
        self.process.attach(labels, lines).await
    }
}
