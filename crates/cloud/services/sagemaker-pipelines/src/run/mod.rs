//! What is done for an execution outside its state: steps begin, are watched, stopped, and tried again.

mod begin;
mod cache;
pub(crate) mod callback;
mod command;
pub mod definitions;
pub mod names;
mod patience;
mod resource;
mod running;
mod values;

pub(crate) use command::outputs;

use std::sync::Arc;

use sagewright_cloud_core::api::ApiError;
use sagewright_cloud_core::clock::SimTime;
use sagewright_cloud_core::records::{Key, Record};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::calls::Principal;
use sagewright_cloud_sagemaker_base::machine::{self, insist};
use sagewright_cloud_sagemaker_base::resource::cut;
use serde_json::Value;

use patience::Patience;
use running::Running;

use crate::definition::Definition;
use crate::execution::machine::{Executions, Facts};
use crate::execution::state::{Attempt, End, Phase, State};
use crate::execution::step::{Effect, Event};
use crate::kinds::Runs;

/// Carries out an effect, and tells what came of it.
pub(crate) async fn act(executions: &Executions, key: Key, effect: Effect) {
    if let Effect::Withdraw(attempt) = effect {
        return running::withdraw(executions, &key, attempt);
    }
    let Some(running) = Running::enter(executions, &key, effect) else { return };
    let event = tokio::select! {
        event = carry_out(executions, &key, effect) => event,
        () = running.withdrawn() => None,
    };
    if let Some(event) = event {
        insist(executions, &key, &event).await;
    }
}

async fn carry_out(executions: &Executions, key: &Key, effect: Effect) -> Option<Event> {
    match effect {
        Effect::Begin(attempt) => begin::begin(executions, key, attempt).await,
        Effect::Watch(attempt) => resource::watch(executions, key, attempt).await,
        Effect::Stop(attempt) => stop(executions, key, attempt).await,
        Effect::Sleep(attempt, due) => {
            executions.0.env().sim.sleep_until(SimTime::from_millisecond(due)).await;
            Some(Event::Due(attempt))
        }
        Effect::Withdraw(_) => None,
    }
}

/// An execution as it was read.
pub(crate) struct Read {
    pub(crate) record: Record,
    pub(crate) state: State,
    pub(crate) facts: Facts,
    pub(crate) who: Principal,
}

/// The execution of an attempt that is still the current one.
async fn read(executions: &Executions, key: &Key, attempt: Attempt) -> Option<Read> {
    let mut patience = Patience::new();
    let record = loop {
        match executions.0.env().store.record(key).await.map_err(ApiError::from) {
            Ok(record) => break record?,
            Err(error) if patience.again(&executions.0, &key.name, &error).await => {}
            Err(error) => {
                tracing::error!(execution = key.name, error = error.message, "a pipeline execution cannot be read");
                return None;
            }
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

/// The definition of an execution that was read; an event where there is none.
async fn definition(executions: &Executions, read: &Read, attempt: Attempt) -> Result<Arc<Definition>, Event> {
    let mut patience = Patience::new();
    loop {
        match definitions::of(&executions.0, &read.record, &read.state).await {
            Ok(definition) => return Ok(definition),
            Err(error) if patience.again(&executions.0, &read.record.arn, &error).await => {}
            Err(error) => return Err(failed(attempt, format!("The definition cannot be read: {}", error.message))),
        }
    }
}

/// Calls an operation as the pipeline's role.
async fn invoke(sm: &SageMaker, who: &Principal, operation: &str, input: Value) -> Result<Value, ApiError> {
    let mut patience = Patience::new();
    loop {
        match sm.invoke(who, operation, input.clone()).await {
            Err(error) if patience.again(sm, operation, &error).await => {}
            answer => return answer,
        }
    }
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
    let definition = match definition(executions, &read, attempt).await {
        Ok(definition) => definition,
        Err(event) => return Some(event),
    };
    match definition.steps.get(attempt.step)?.kind.runs {
        Runs::Resource(kind) => resource::stop(executions, &read, kind, attempt).await,
        Runs::Callback => return begin::ask_to_stop(executions, key, &read, &definition, attempt).await,
        Runs::Lambda | Runs::Condition | Runs::Fail => {}
    }
    None
}

/// The event of an attempt that failed for a reason of its own.
fn failed(attempt: Attempt, reason: impl Into<String>) -> Event {
    Event::Ended(
        attempt,
        End::Failed {
            exception: crate::definition::retry::Exception::Other,
            reason: Some(cut(&reason.into()).to_owned()),
            done: Default::default(),
        },
    )
}
