//! Commands that stand for functions and queues, as steps of pipelines call them.

use std::sync::Arc;

use async_trait::async_trait;
use sagewright_cloud_runner_process::process::commands::{Called as Kind, Commands as Process, Task};
use serde_json::Value;

use crate::runner::{Identity, JobEnvironment, Labels, LineSink};
use crate::sagemaker::{Called, CommandTask, Commands};

/// Runs commands as processes, which call the embedded cloud as the pipeline's role.
pub(crate) struct LocalCommands {
    pub(crate) process: Process,
    pub(crate) environment: Arc<dyn JobEnvironment>,
}

const fn kind(called: Called) -> Kind {
    match called {
        Called::Function => Kind::Function,
        Called::Queue => Kind::Queue,
    }
}

#[async_trait]
impl Commands for LocalCommands {
    fn check(&self, called: Called, target: &str) -> Result<(), String> {
        self.process.check(kind(called), target)
    }

    async fn run(&self, task: CommandTask, lines: LineSink) -> Result<Value, String> {
        let CommandTask { called, target, input, account, region, arn, role_arn } = task;
        let worker = Identity { account: account.clone(), region, arn: arn.clone(), role_arn: Some(role_arn) };
        let variables = self.environment.variables(&worker).await;
        let labels = Labels { account, arn, host: "command".to_owned(), epoch: 0 };
        let task = Task { called: kind(called), target, input: input.to_string(), variables, labels };
        let written = self.process.run(&task, lines).await?;
        if written.trim_ascii().is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&written).map_err(|error| format!("its output is not valid JSON: {error}"))
    }
}
