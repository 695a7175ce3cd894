//! `SendPipelineExecutionStepSuccess` and `SendPipelineExecutionStepFailure`: the answer to a callback.

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::Record;
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::machine;
use sagewright_cloud_sagemaker_base::resource::{Kind, required};
use serde_json::{Map, Value, json};

use super::stop::tell_of;
use crate::definition::Definition;
use crate::definition::retry::Exception;
use crate::execution::machine::{Executions, Facts};
use crate::execution::state::{Attempt, Done, End, Halt, Phase};
use crate::execution::step::Event;
use crate::pipeline::version;
use crate::run::{names, outputs};

pub(crate) async fn success(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let (record, attempt, done) = find(sm, call).await?;
    let definition = version::definition(sm, &record.key, &Facts::of(&record)).await?;
    let definition = Definition::parse(&definition).map_err(ApiError::validation)?;
    let list = call.input.get("OutputParameters").and_then(Value::as_array).into_iter().flatten();
    let given: Map<String, Value> =
        list.filter_map(|output| Some((output["Name"].as_str()?.to_owned(), output["Value"].clone()))).collect();
    let step = definition.steps.get(attempt.step).ok_or_else(|| ApiError::internal("a step is gone"))?;
    if let Some(other) = given.keys().find(|name| !step.outputs.iter().any(|(known, _)| known == *name)) {
        return Err(ApiError::validation(format!("Step {} declares no output parameter '{other}'.", step.name)));
    }
    let outputs = outputs(step, &given)
        .map_err(|why| ApiError::validation(format!("The answer to step {}: {why}", step.name)))?;
    tell_of(sm, &record, Event::Ended(attempt, End::Succeeded(Done { outputs, ..done }))).await?;
    Ok(json!({ "PipelineExecutionArn": record.arn }))
}

pub(crate) async fn failure(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let (record, attempt, done) = find(sm, call).await?;
    let reason = call.text("FailureReason").map(str::to_owned);
    tell_of(sm, &record, Event::Ended(attempt, End::Failed { exception: Exception::Other, reason, done })).await?;
    Ok(json!({ "PipelineExecutionArn": record.arn }))
}

/// The execution and the attempt that wait for the answer with a token.
async fn find(sm: &SageMaker, call: &Call) -> Result<(Record, Attempt, Done), ApiError> {
    let token = required(call, "CallbackToken")?;
    for status in ["Executing", "Stopping"] {
        for record in sm.env().store.with_status(Kind::PIPELINE_EXECUTION.as_str(), status).await? {
            if record.key.account != call.caller.account || record.key.region != call.region {
                continue;
            }
            let state = machine::state::<Executions>(&record);
            for (step, (node, progress)) in state.nodes.iter().zip(&state.steps).enumerate() {
                let attempt = Attempt { step, number: progress.attempt };
                let waits = node.halt == Halt::Asks
                    && matches!(progress.phase, Phase::Starting | Phase::Executing | Phase::Stopping);
                if waits && names::callback(&state.seed, attempt) == token {
                    return Ok((record, attempt, progress.result.clone()));
                }
            }
        }
    }
    Err(ApiError::not_found("No callback step waits for an answer with this CallbackToken."))
}
