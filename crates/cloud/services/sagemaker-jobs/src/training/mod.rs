//! Training jobs: the container contract around a runner.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::watch;

use sagewright_cloud_core::env::Env;
use sagewright_cloud_core::runner::JobEnvironment;
use sagewright_cloud_core::work;
use sagewright_cloud_sagemaker_base::ports::{Trainer, TrainingEnd, TrainingEvent, TrainingTask};
use sagewright_cloud_sagemaker_base::resource::{MAX_REASON, cut};

mod channels;
mod ends;
mod folder;
mod halt;
mod input;
mod job;
mod manifest;
mod metrics;
mod pipe;
pub(crate) mod request;
mod resources;
mod results;
mod script;

use halt::Halt;
use job::Job;

/// Runs training jobs through the environment's runner.
pub struct TrainingExecutor {
    env: Env,
    environment: Arc<dyn JobEnvironment>,
    work: PathBuf,
}

impl TrainingExecutor {
    /// An executor that works below `env.work/training`. What an earlier process left there is removed: its jobs died
    /// with it.
    #[must_use]
    pub fn new(env: Env, environment: Arc<dyn JobEnvironment>) -> Self {
        let work = std::path::absolute(&env.work).unwrap_or_else(|_| env.work.clone()).join("training");
        work::clear(&work);
        Self { env, environment, work }
    }
}

/// A container on a full disk cannot even write why it failed.
fn explain_full_disk(reason: &mut String, folder: &Path) {
    const LITTLE: u64 = 64 * 1024;
    let told = reason.contains("No space left");
    let full = rustix::fs::statvfs(folder).is_ok_and(|disk| disk.f_bavail.saturating_mul(disk.f_frsize) < LITTLE);
    if full && !told {
        let space = format!(" (No space left on the disk of {})", folder.display());
        *reason = reason.chars().take(MAX_REASON.saturating_sub(space.chars().count())).collect();
        reason.push_str(&space);
    }
}

#[async_trait]
impl Trainer for TrainingExecutor {
    async fn run(
        &self,
        task: TrainingTask,
        stop: watch::Receiver<bool>,
        events: Arc<dyn Fn(TrainingEvent) + Send + Sync>,
    ) -> TrainingEnd {
        let folder = work::new(&self.work);
        let busy: Arc<tokio::sync::Mutex<()>> = Arc::default();
        let (env, environment) = (&self.env, &*self.environment);
        let job = Job { env, environment, task: &task, events, folder: folder.clone(), busy: busy.clone() };
        let mut end = job.run(stop).await;
        if let Err(Halt::Failed(reason)) = &mut end {
            explain_full_disk(reason, &folder);
        }
        // A download that was stopped may still write its current file.
        let _done = busy.lock().await;
        let removed = tokio::task::spawn_blocking(move || std::fs::remove_dir_all(folder)).await;
        if let Ok(Err(error)) = removed
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(job = task.name, %error, "cannot remove the job's folder");
        }
        match end {
            Ok(end) => end,
            Err(Halt::Stopped { max_runtime }) => TrainingEnd::Stopped { artifacts: None, max_runtime },
            Err(Halt::Failed(reason)) => TrainingEnd::Failed { reason: cut(&reason).to_owned() },
        }
    }
}
