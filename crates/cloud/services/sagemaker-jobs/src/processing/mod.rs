//! Processing jobs: the container contract around a runner.
//!
//! <https://docs.aws.amazon.com/sagemaker/latest/dg/build-your-own-processing-container.html>

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use serde_json::json;
use tokio::sync::watch;

use sagewright_cloud_core::env::Env;
use sagewright_cloud_core::runner::JobEnvironment;
use sagewright_cloud_sagemaker_base::{Events, Executor, JobEnd, JobEvent, JobTask, Outcome};

use crate::job::halt::Halt;
use crate::job::site::Workshop;

mod folder;
mod job;
mod message;
mod metrics;
mod outputs;
pub(crate) mod request;

use job::Job;

/// Runs processing jobs through the environment's runner.
pub struct ProcessingExecutor(Workshop);

impl ProcessingExecutor {
    /// An executor that works below `env.work/processing`.
    #[must_use]
    pub fn new(env: Env, environment: Arc<dyn JobEnvironment>) -> Self {
        Self(Workshop::new(env, environment, "processing"))
    }
}

#[async_trait]
impl Executor<JobEvent, JobEnd> for ProcessingExecutor {
    async fn run(&self, task: JobTask, stop: watch::Receiver<bool>, events: Events<JobEvent>) -> JobEnd {
        let site = self.0.site(task);
        let message = OnceLock::new();
        let end = Job { site: &site, events, message: &message }.run(stop).await;
        let mut end = match site.close(end).await {
            Ok(()) => JobEnd::new(Outcome::Completed),
            Err(Halt::Stopped { .. } | Halt::Interrupted) => JobEnd::new(Outcome::Stopped),
            Err(Halt::Failed(reason)) => JobEnd::failed(reason),
        };
        // Whatever the end: the message may tell why.
        end.shows.extend(message.into_inner().map(|text| ("ExitMessage".to_owned(), json!(text))));
        end
    }
}
