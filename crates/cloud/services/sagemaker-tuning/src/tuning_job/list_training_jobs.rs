//! `ListTrainingJobsForHyperParameterTuningJob`

use std::cmp::Ordering;

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::listing::{PAGE, limit};
use sagewright_cloud_sagemaker_base::machine;
use sagewright_cloud_sagemaker_base::resource::required;
use sagewright_cloud_sagemaker_base::{Kind, SageMaker, token};
use serde_json::{Map, Value, json};

use super::machine::TuningJobs;
use super::show;
use super::state::{Stage, State};

pub(crate) async fn list(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let record = sm.find(call, Kind::TUNING_JOB, required(call, "HyperParameterTuningJobName")?).await?;
    let state = machine::state::<TuningJobs>(&record);
    let mut order = sorted(&state, call.text("SortBy"), call.text("SortOrder"));
    // A page ends at a training job, behind which the next one begins, whatever was added meanwhile.
    let begin = match call.text("NextToken").filter(|token| !token.is_empty()) {
        None => 0,
        Some(text) => {
            let (number, _) = token::open(call, text)?;
            let last = order.iter().position(|found| number == json!(found));
            last.map_or(order.len(), |last| last + 1)
        }
    };
    // The job at which the page before ended may have another status by now: it is looked for first.
    order.drain(..begin);
    if let Some(status) = call.text("StatusEquals") {
        order.retain(|number| state.children[*number].stage.status() == status);
    }
    let limit = limit(call, PAGE);
    let more = order.len() > limit;
    order.truncate(limit);
    let mut summaries = Vec::new();
    for child in order.iter().map(|number| &state.children[*number]) {
        let mut summary = show::summary(&state, child, &record.arn);
        if child.stage == Stage::Failed {
            let found = sm.env().store.record(&show::key_of(&record.key, &child.name)).await?;
            let own = found.filter(|found| found.body["TuningJobArn"] == *record.arn);
            if let Some(reason) = own.and_then(|found| found.body.get("FailureReason").cloned()) {
                summary["FailureReason"] = reason;
            }
        }
        summaries.push(summary);
    }
    let mut out = Map::from_iter([("TrainingJobSummaries".to_owned(), Value::Array(summaries))]);
    if let Some(last) = order.last().filter(|_| more) {
        out.insert("NextToken".to_owned(), json!(token::seal(call, &json!(last), "")));
    }
    Ok(Value::Object(out))
}

/// The numbers of the training jobs there are, sorted. AWS: by name, ascending, where the request says nothing; without an
/// objective a job is not listed by it.
fn sorted(state: &State, by: Option<&str>, order: Option<&str>) -> Vec<usize> {
    let objective = by == Some("FinalObjectiveMetricValue");
    let child = |number: &usize| &state.children[*number];
    let mut numbers: Vec<usize> = (0..state.children.len())
        .filter(|number| child(number).stage != Stage::Planned)
        .filter(|number| !objective || child(number).objective.is_some())
        .collect();
    let compare = |one: &usize, other: &usize| -> Ordering {
        let (a, b) = (child(one), child(other));
        match by {
            Some("FinalObjectiveMetricValue") => {
                a.objective.unwrap_or_default().total_cmp(&b.objective.unwrap_or_default())
            }
            Some("Status") => a.stage.status().cmp(b.stage.status()),
            Some("CreationTime") => a.created.cmp(&b.created),
            _ => Ordering::Equal,
        }
        .then(one.cmp(other))
    };
    numbers.sort_by(compare);
    if order == Some("Descending") {
        numbers.reverse();
    }
    numbers
}
