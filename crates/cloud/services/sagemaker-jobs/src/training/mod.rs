//! Training jobs: the container contract around a runner.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::watch;

use sagewright_cloud_core::env::Env;
use sagewright_cloud_core::runner::JobEnvironment;
use sagewright_cloud_sagemaker_base::resource::cut;
use sagewright_cloud_sagemaker_base::{Events, Executor, JobTask, TrainingEnd, TrainingEvent};

use crate::job::halt::Halt;
use crate::job::site::Workshop;

mod channels;
mod curve;
mod failure;
mod folder;
mod input;
mod job;
mod metrics;
mod pipe;
pub(crate) mod request;
mod resources;
mod results;
mod script;

use job::Job;

/// Namespace of all training jobs in CloudWatch, and their log group.
const NAMESPACE: &str = "/aws/sagemaker/TrainingJobs";

/// Runs training jobs through the environment's runner.
pub struct TrainingExecutor(Workshop);

impl TrainingExecutor {
    /// An executor that works below `env.work/training`.
    #[must_use]
    pub fn new(env: Env, environment: Arc<dyn JobEnvironment>) -> Self {
        Self(Workshop::new(env, environment, "training"))
    }
}

#[async_trait]
impl Executor<TrainingEvent, TrainingEnd> for TrainingExecutor {
    async fn run(&self, task: JobTask, stop: watch::Receiver<bool>, events: Events<TrainingEvent>) -> TrainingEnd {
        let site = self.0.site(task);
        let end = Job { site: &site, events }.run(stop).await;
        match site.close(end).await {
            Ok(end) => end,
            Err(Halt::Stopped { max_runtime }) => TrainingEnd::Stopped { artifacts: None, max_runtime },
            Err(Halt::Failed(reason)) => TrainingEnd::Failed { reason: cut(&reason).to_owned() },
        }
    }
}
