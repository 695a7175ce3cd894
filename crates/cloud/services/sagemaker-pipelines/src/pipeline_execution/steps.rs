//! `ListPipelineExecutionSteps`

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::machine;
use sagewright_cloud_sagemaker_base::resource::seconds;
use serde_json::{Map, Value, json};

use super::find;
use crate::definition::Step;
use crate::execution::machine::Executions;
use crate::execution::state::{Attempt, Phase, Progress, Source, State};
use crate::expression::text;
use crate::kinds::Runs;
use crate::page;
use crate::run::{definitions, names};

/// Steps of a page where the request says nothing.
const PAGE: usize = 100;

/// Those that have begun; the last one first where the request says nothing.
pub(crate) async fn list(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let record = find(sm, call).await?;
    let state = machine::state::<Executions>(&record);
    let definition = definitions::of(sm, &record, &state).await?;
    let mut steps: Vec<(i64, usize, Value)> = Vec::new();
    for (at, (step, progress)) in definition.steps.iter().zip(&state.steps).enumerate() {
        if let Some(status) = progress.phase.name() {
            steps.push((progress.started.unwrap_or_default(), at, shown(step, progress, &state, at, status)));
        }
    }
    steps.sort_by_key(|(started, at, _)| (*started, *at));
    if call.text("SortOrder") != Some("Ascending") {
        steps.reverse();
    }
    let (items, next) = page::items(call, steps.into_iter().map(|(.., shown)| shown).collect(), PAGE)?;
    Ok(page::output("PipelineExecutionSteps", items, next))
}

fn shown(step: &Step, progress: &Progress, state: &State, at: usize, status: &str) -> Value {
    let source = |wanted: fn(&Source) -> Option<&String>| {
        let arn = progress.result.source.as_ref().and_then(wanted)?;
        Some(json!({ "SourcePipelineExecutionArn": arn }))
    };
    let members = [
        ("StepName", Some(json!(step.name))),
        ("StepDisplayName", step.display.as_ref().map(|text| json!(text))),
        ("StepDescription", step.description.as_ref().map(|text| json!(text))),
        ("StartTime", progress.started.map(seconds)),
        ("EndTime", progress.ended.map(seconds)),
        ("StepStatus", Some(json!(status))),
        ("CacheHitResult", source(|source| if let Source::Cache(arn) = source { Some(arn) } else { None })),
        ("FailureReason", progress.reason.as_ref().map(|reason| json!(reason))),
        ("Metadata", Some(metadata(step, progress, state, at))),
        ("AttemptCount", Some(json!(progress.attempt))),
        (
            "SelectiveExecutionResult",
            source(|source| if let Source::Selected(arn) = source { Some(arn) } else { None }),
        ),
    ];
    members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect::<Map<_, _>>().into()
}

fn metadata(step: &Step, progress: &Progress, state: &State, at: usize) -> Value {
    let done = &progress.result;
    let outputs = || -> Vec<Value> {
        done.outputs.iter().map(|(name, value)| json!({ "Name": name, "Value": text(value) })).collect()
    };
    match step.kind.runs {
        Runs::Resource(resource) => match &done.arn {
            Some(arn) => json!({ resource.metadata: { "Arn": arn } }),
            None => json!({}),
        },
        Runs::Condition => match done.outcome {
            Some(outcome) => json!({ "Condition": { "Outcome": if outcome { "True" } else { "False" } } }),
            None => json!({}),
        },
        Runs::Fail => match &done.message {
            Some(message) => json!({ "Fail": { "ErrorMessage": message } }),
            None => json!({}),
        },
        Runs::Lambda => match &done.arn {
            Some(arn) => json!({ "Lambda": { "Arn": arn, "OutputParameters": outputs() } }),
            None => json!({}),
        },
        Runs::Callback => {
            if progress.phase == Phase::Starting {
                return json!({});
            }
            let mut shown = Map::from_iter([("OutputParameters".to_owned(), json!(outputs()))]);
            // Nobody was asked for a result of another execution.
            if done.source.is_none() {
                let token = names::callback(&state.seed, Attempt { step: at, number: progress.attempt });
                shown.insert("CallbackToken".to_owned(), json!(token));
            }
            let queue = step.target.as_ref().filter(|target| target.is_string());
            shown.extend(queue.map(|queue| ("SqsQueueUrl".to_owned(), queue.clone())));
            json!({ "Callback": shown })
        }
    }
}
