//! Commands that stand for functions and queues, as steps of pipelines call them.

use std::sync::Arc;

use async_trait::async_trait;
use sagewright_cloud_runner_process::process::commands::{Commands as Process, Task};
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::runner::{Identity, JobEnvironment, Labels, LineSink};
use crate::sagemaker::{Called, CommandTask, Commands};

/// Runs commands as processes, which call the embedded cloud as the pipeline's role.
pub(crate) struct LocalCommands {
    pub(crate) process: Process,
    pub(crate) environment: Arc<dyn JobEnvironment>,
    pub(crate) places: Arc<Semaphore>,
}

/// Functions that run at the same time: each is a process on this machine.
pub(crate) const PLACES: usize = 16;

#[async_trait]
impl Commands for LocalCommands {
    fn check(&self, called: Called, target: &str) -> Result<(), String> {
        self.process.check(called, target)
    }

    async fn place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.places).acquire_owned().await.ok()
    }

    async fn run(&self, task: CommandTask, lines: LineSink) -> Result<Value, String> {
        let CommandTask { called, target, input, account, region, arn, role_arn, longest } = task;
        let worker = Identity { account: account.clone(), region, arn: arn.clone(), role_arn: Some(role_arn) };
        let variables = self.environment.variables(&worker).await;
        let labels = Labels { account, arn, host: "command".to_owned(), epoch: 0 };
        let task = Task { called, target, input: input.to_string(), variables, labels };
        let run = self.process.run(&task, lines);
        let written = match longest {
            None => run.await?,
            Some(longest) => {
                let late = |_| format!("it ran longer than {} s", longest.as_secs());
                tokio::time::timeout(longest, run).await.map_err(late)??
            }
        };
        if written.trim_ascii().is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&written).map_err(|error| format!("its output is not valid JSON: {error}"))
    }
}
