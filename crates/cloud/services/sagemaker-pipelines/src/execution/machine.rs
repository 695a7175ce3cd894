//! Executions as machines over records: what is stored, shown and carried out.

use async_trait::async_trait;
use sagewright_cloud_core::api::ApiError;
use sagewright_cloud_core::records::{Key, Record};
use sagewright_cloud_sagemaker_base::machine::{Machine, Next};
use sagewright_cloud_sagemaker_base::resource::{HIDDEN, fields};
use sagewright_cloud_sagemaker_base::{Kind, SageMaker};
use serde_json::{Map, Value, json};

use super::state::{State, Status};
use super::step::{Effect, Event};
use crate::run;

/// The executions of a SageMaker.
#[derive(Clone)]
pub struct Executions(pub SageMaker);

#[async_trait]
impl Machine for Executions {
    const KIND: Kind = Kind::PIPELINE_EXECUTION;
    type State = State;
    type Event = Event;
    type Effect = Effect;

    fn sagemaker(&self) -> &SageMaker {
        &self.0
    }

    fn step(mut state: State, event: &Event, now: i64) -> Result<Next<State, Effect>, ApiError> {
        let effects = state.take(event, now)?;
        Ok(Next { state: Some(state), effects })
    }

    fn show(state: &State, record: &mut Record, _: i64) -> Result<(), ApiError> {
        state.status.name().clone_into(&mut record.status);
        // A caller may have changed the record since.
        record.modified = record.modified.max(state.changed);
        let limit = state.limit.map(|limit| json!({ "MaxParallelExecutionSteps": limit }));
        let stored = fields(record)?;
        for (member, value) in [("FailureReason", json!(state.reason)), ("ParallelismConfiguration", json!(limit))] {
            match value {
                Value::Null => stored.shift_remove(member),
                value => stored.insert(member.to_owned(), value),
            };
        }
        Ok(())
    }

    /// No earlier version recorded executions: what cannot be read is damaged.
    fn adopt(record: &Record) -> State {
        State {
            status: Status::Failed,
            reason: Some(format!(
                "The stored state of {} is damaged, so that the execution cannot go on. Start another one.",
                record.arn
            )),
            limit: None,
            seed: String::new(),
            changed: record.modified,
            stopped: None,
            retried: None,
            nodes: Vec::new(),
            steps: Vec::new(),
        }
    }

    async fn act(&self, key: Key, effect: Effect) {
        run::act(self, key, effect).await;
    }
}

/// What is kept of an execution beside its state, and shown nowhere under these names.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Name of the pipeline, as it was given.
    pub pipeline: String,
    /// ARN of the pipeline.
    pub pipeline_arn: String,
    /// Version of the pipeline.
    pub version: u64,
    /// Role that the steps run as.
    pub role_arn: String,
    /// Values of all parameters.
    pub parameters: Map<String, Value>,
}

impl Facts {
    /// Those of a record.
    #[must_use]
    pub fn of(record: &Record) -> Self {
        let hidden = &record.body[HIDDEN];
        let text = |member: &str| hidden[member].as_str().unwrap_or_default().to_owned();
        Self {
            pipeline: text("pipeline"),
            pipeline_arn: text("pipelineArn"),
            version: hidden["version"].as_u64().unwrap_or_default(),
            role_arn: text("roleArn"),
            parameters: hidden["parameters"].as_object().cloned().unwrap_or_default(),
        }
    }

    /// As they are kept.
    #[must_use]
    pub fn kept(&self) -> Value {
        json!({
            "pipeline": self.pipeline, "pipelineArn": self.pipeline_arn, "version": self.version,
            "roleArn": self.role_arn, "parameters": self.parameters,
        })
    }
}
