//! What is done for an execution outside its state: steps begin, are watched, stopped, and tried again.

mod begin;
mod cache;
mod command;
pub mod definitions;
pub mod names;
mod resource;
mod values;

pub(crate) use command::outputs;

use sagewright_cloud_core::clock::SimTime;
use sagewright_cloud_core::records::{Key, Record};
use sagewright_cloud_sagemaker_base::calls::Principal;
use sagewright_cloud_sagemaker_base::machine::{self, insist};

use crate::execution::machine::{Executions, Facts};
use crate::execution::state::{Attempt, End, Phase, State};
use crate::execution::step::{Effect, Event};

/// Carries out an effect.
pub(crate) async fn act(executions: &Executions, key: Key, effect: Effect) {
    let event = match effect {
        Effect::Begin(attempt) => begin::begin(executions, &key, attempt).await,
        Effect::Watch(attempt) => resource::watch(executions, &key, attempt).await,
        Effect::Stop(attempt) => stop(executions, &key, attempt).await,
        Effect::Sleep(attempt, due) => {
            executions.0.env().sim.sleep_until(SimTime::from_millisecond(due)).await;
            Some(Event::Due(attempt))
        }
    };
    if let Some(event) = event {
        insist(executions, &key, &event).await;
    }
}

/// An execution as it was read.
pub(crate) struct Read {
    pub(crate) record: Record,
    pub(crate) state: State,
    pub(crate) facts: Facts,
    pub(crate) who: Principal,
}

/// The execution of an attempt that is still the current one. What cannot be read is tried again at the next start.
async fn read(executions: &Executions, key: &Key, attempt: Attempt) -> Option<Read> {
    let record = match executions.0.env().store.record(key).await {
        Ok(record) => record?,
        Err(error) => {
            tracing::error!(execution = key.name, %error, "a pipeline execution cannot be read");
            return None;
        }
    };
    let state = machine::state::<Executions>(&record);
    let step = state.steps.get(attempt.step)?;
    let current =
        step.attempt == attempt.number && matches!(step.phase, Phase::Starting | Phase::Executing | Phase::Stopping);
    let facts = Facts::of(&record);
    let who = principal(key, &facts.role_arn, &record.arn);
    current.then_some(Read { record, state, facts, who })
}

/// Whom the steps of an execution act as.
pub(crate) fn principal(key: &Key, role_arn: &str, execution: &str) -> Principal {
    let id = execution.rsplit('/').next().unwrap_or_default();
    Principal {
        account: key.account.clone(),
        region: key.region.clone(),
        role_arn: role_arn.to_owned(),
        session: format!("sagemaker-pipeline-{id}"),
    }
}

async fn stop(executions: &Executions, key: &Key, attempt: Attempt) -> Option<Event> {
    let read = read(executions, key, attempt).await?;
    let definition = definitions::of(executions, &read).await.ok()?;
    let step = definition.steps.get(attempt.step)?;
    match step.kind.runs {
        crate::kinds::Runs::Resource(kind) => resource::stop(executions, &read, kind, attempt).await,
        crate::kinds::Runs::Callback => command::ask_to_stop(executions, &read, &definition, attempt).await,
        _ => {}
    }
    None
}

/// The event of an attempt that failed for a reason of its own.
fn failed(attempt: Attempt, reason: impl Into<String>) -> Event {
    Event::Ended(
        attempt,
        End::Failed {
            exception: crate::definition::retry::Exception::Other,
            reason: Some(reason.into()),
            done: Default::default(),
        },
    )
}
