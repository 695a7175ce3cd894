//! `SendPipelineExecutionStepSuccess` and `SendPipelineExecutionStepFailure`: the answer to a callback.

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::Record;
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::machine;
use sagewright_cloud_sagemaker_base::resource::required;
use serde_json::{Map, Value, json};

use super::stop::tell_of;
use crate::definition::retry::Exception;
use crate::execution::machine::Executions;
use crate::execution::state::{Attempt, Done, End, State};
use crate::execution::step::{Event, NOT_WAITING};
use crate::run::{callback, definitions, outputs};

pub(crate) async fn success(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let (record, attempt) = find(sm, call).await?;
    let state = machine::state::<Executions>(&record);
    let definition = definitions::of(sm, &record, &state).await?;
    let list = call.input.get("OutputParameters").and_then(Value::as_array).into_iter().flatten();
    let given: Map<String, Value> =
        list.filter_map(|output| Some((output["Name"].as_str()?.to_owned(), output["Value"].clone()))).collect();
    let step = definition.steps.get(attempt.step).ok_or_else(|| ApiError::internal("a step is gone"))?;
    if let Some(other) = given.keys().find(|name| !step.outputs.iter().any(|(known, _)| known == *name)) {
        return Err(ApiError::validation(format!("Step {} declares no output parameter '{other}'.", step.name)));
    }
    let outputs = outputs(step, &given)
        .map_err(|why| ApiError::validation(format!("The answer to step {}: {why}", step.name)))?;
    end(sm, call, &record, attempt, End::Succeeded(Done { outputs, ..begun(&state, attempt) })).await
}

pub(crate) async fn failure(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let (record, attempt) = find(sm, call).await?;
    let reason = call.text("FailureReason").map(str::to_owned);
    let done = begun(&machine::state::<Executions>(&record), attempt);
    end(sm, call, &record, attempt, End::Failed { exception: Exception::Other, reason, done }).await
}

/// The machine decides whether the step still waits for an answer: another one may have come first.
async fn end(sm: &SageMaker, call: &Call, record: &Record, attempt: Attempt, end: End) -> Result<Value, ApiError> {
    tell_of(sm, record, Event::Answered(attempt, end, repetition(call))).await?;
    Ok(json!({ "PipelineExecutionArn": record.arn }))
}

/// What a repetition of the request is known by. One without a token is not repeated.
fn repetition(call: &Call) -> String {
    call.text("ClientRequestToken").map_or_else(|| call.request_id.clone(), str::to_owned)
}

/// What an attempt had when it began.
fn begun(state: &State, attempt: Attempt) -> Done {
    state.steps.get(attempt.step).map(|step| step.result.clone()).unwrap_or_default()
}

/// The execution and the attempt that a token is of.
async fn find(sm: &SageMaker, call: &Call) -> Result<(Record, Attempt), ApiError> {
    let missing = || ApiError::not_found(NOT_WAITING);
    let token = required(call, "CallbackToken")?;
    let found = callback::find(sm, &call.caller.account, &call.region, token).await?;
    let (key, attempt) = found.ok_or_else(missing)?;
    let record = sm.env().store.record(&key).await?.ok_or_else(missing)?;
    // What is wrong with an answer is said only where one is wanted.
    let takes = machine::state::<Executions>(&record).takes_answer(attempt, &repetition(call));
    takes.then_some((record, attempt)).ok_or_else(missing)
}
