//! Transform jobs: a model's containers, fed with objects of S3.
//!
//! <https://docs.aws.amazon.com/sagemaker/latest/dg/batch-transform.html>

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::watch;

use sagewright_cloud_core::env::Env;
use sagewright_cloud_core::runner::NoEnvironment;
use sagewright_cloud_sagemaker_base::{Events, Executor, JobEnd, JobEvent, JobTask, ModelServers, Outcome};

use crate::job::halt::Halt;
use crate::job::site::Workshop;

mod batch;
mod capture;
mod csv;
mod data_log;
mod job;
mod numbers;
mod output;
mod parameters;
mod path;
mod pipeline;
mod processing;
mod reader;
pub(crate) mod request;
mod split;
mod trouble;

use job::Job;

/// Runs transform jobs over model servers.
pub struct TransformExecutor {
    workshop: Workshop,
    servers: Arc<dyn ModelServers>,
}

impl TransformExecutor {
    /// An executor that works below `env.work/transform`.
    #[must_use]
    pub fn new(env: Env, servers: Arc<dyn ModelServers>) -> Self {
        // Only model servers run containers here, and give them their environment.
        Self { workshop: Workshop::new(env, Arc::new(NoEnvironment), "transform"), servers }
    }
}

#[async_trait]
impl Executor<JobEvent, JobEnd> for TransformExecutor {
    async fn run(&self, task: JobTask, stop: watch::Receiver<bool>, events: Events<JobEvent>) -> JobEnd {
        let site = self.workshop.site(task);
        let end = Job { site: &site, servers: &*self.servers, events }.run(stop).await;
        match site.close(end).await {
            Ok(()) => JobEnd::new(Outcome::Completed),
            Err(Halt::Stopped { .. } | Halt::Interrupted) => JobEnd::new(Outcome::Stopped),
            Err(Halt::Failed(reason)) => JobEnd::failed(reason),
        }
    }
}
