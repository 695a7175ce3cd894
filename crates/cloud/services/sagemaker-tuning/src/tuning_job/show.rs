//! What answers show of a tuning job and its training jobs.

use sagewright_cloud_core::api::ApiError;
use sagewright_cloud_core::records::{Key, Record};
use sagewright_cloud_sagemaker_base::Kind;
use sagewright_cloud_sagemaker_base::resource::{epoch_seconds, fields};
use serde_json::{Map, Value, json};

use super::state::{Child, Stage, State};

/// Writes what a state says into the record, by AWS's names.
pub(super) fn show(state: &State, record: &mut Record) -> Result<(), ApiError> {
    let (arn, created) = (record.arn.clone(), record.created);
    let stored = fields(record)?;
    let stages = |wanted: &[Stage]| state.children.iter().filter(|child| wanted.contains(&child.stage)).count();
    let failed = |retryable: bool| {
        state.children.iter().filter(|child| child.stage == Stage::Failed && child.retryable == retryable).count()
    };
    let objectives =
        |wanted: &str| state.children.iter().filter(|child| objective_status(child) == Some(wanted)).count();
    let mut set = |member: &str, value: Option<Value>| match value {
        Some(value) => drop(stored.insert(member.to_owned(), value)),
        None => drop(stored.shift_remove(member)),
    };
    let counters = json!({
        "Completed": stages(&[Stage::Completed]),
        "InProgress": stages(&[Stage::InProgress, Stage::Stopping]),
        "RetryableError": failed(true),
        "NonRetryableError": failed(false),
        "Stopped": stages(&[Stage::Stopped]),
    });
    set("TrainingJobStatusCounters", Some(counters));
    let counters = json!({
        "Succeeded": objectives("Succeeded"), "Pending": objectives("Pending"), "Failed": objectives("Failed"),
    });
    set("ObjectiveStatusCounters", Some(counters));
    let best = state.best().map(|(score, child)| (score, summary(state, child, &arn)));
    set("BestTrainingJob", best.as_ref().map(|(_, summary)| summary.clone()));
    let overall = state.parents_best.as_ref().map(|(score, parents)| match &best {
        Some((own, summary)) if own <= score => summary.clone(),
        _ => parents.clone(),
    });
    set("OverallBestTrainingJob", overall);
    set("HyperParameterTuningEndTime", state.ended.map(|ended| json!(epoch_seconds(ended))));
    set("FailureReason", state.reason.as_ref().map(|reason| json!(reason)));
    let mut details = json!({ "NumberOfTrainingJobsObjectiveNotImproving": state.course.flat });
    if let Some(converged) = state.course.converged {
        details["ConvergenceDetectedTime"] = json!(epoch_seconds(converged));
    }
    set("TuningJobCompletionDetails", Some(details));
    let until = state.ended.unwrap_or(state.changed);
    set("ConsumedResources", Some(consumed(epoch_seconds(until) - epoch_seconds(created))));
    Ok(())
}

/// `ConsumedResources` of a job that runs, or ran, for so many seconds.
pub(super) fn consumed(seconds: f64) -> Value {
    #[allow(clippy::cast_possible_truncation)] // seconds of a job fit well
    let seconds = seconds.max(0.0) as i64;
    json!({ "RuntimeInSeconds": seconds })
}

/// `ObjectiveStatus`; none of a job that is only planned.
pub(super) fn objective_status(child: &Child) -> Option<&'static str> {
    match child.stage {
        Stage::Planned => None,
        Stage::InProgress | Stage::Stopping => Some("Pending"),
        Stage::Completed | Stage::Failed | Stage::Stopped => {
            Some(if child.objective.is_some() { "Succeeded" } else { "Failed" })
        }
    }
}

/// The ARN of a training job of a tuning job.
fn arn_of(tuning_job: &str, name: &str) -> String {
    let scope: Vec<&str> = tuning_job.split(':').take(5).collect();
    format!("{}:{}/{}", scope.join(":"), Kind::TRAINING_JOB.as_str(), name.to_ascii_lowercase())
}

/// The key of a training job of a tuning job.
pub(super) fn key_of(tuning_job: &Key, name: &str) -> Key {
    let kind = Kind::TRAINING_JOB.as_str();
    Key::new(&tuning_job.account, &tuning_job.region, kind, &name.to_ascii_lowercase())
}

/// A training job as listings and the best one are shown.
pub(super) fn summary(state: &State, child: &Child, tuning_job: &str) -> Value {
    let mut out = Map::new();
    let brief = state.rules.definitions.get(child.definition);
    if let Some(name) = brief.and_then(|brief| brief.name.as_ref()) {
        out.insert("TrainingJobDefinitionName".to_owned(), json!(name));
    }
    out.insert("TrainingJobName".to_owned(), json!(child.name));
    out.insert("TrainingJobArn".to_owned(), json!(arn_of(tuning_job, &child.name)));
    out.insert("CreationTime".to_owned(), json!(epoch_seconds(child.created.unwrap_or(state.changed))));
    let times = [("TrainingStartTime", child.started), ("TrainingEndTime", child.ended)];
    out.extend(times.into_iter().filter_map(|(member, time)| Some((member.to_owned(), json!(time?)))));
    out.insert("TrainingJobStatus".to_owned(), json!(child.stage.status()));
    let names = brief.map(|brief| &*brief.tuned).unwrap_or_default();
    let tuned: Map<String, Value> = names.iter().cloned().zip(child.values.iter().map(|value| json!(value))).collect();
    out.insert("TunedHyperParameters".to_owned(), Value::Object(tuned));
    if let (Some(brief), Some(objective)) = (brief, child.objective) {
        let metric = json!({
            "Type": if brief.maximize { "Maximize" } else { "Minimize" },
            "MetricName": brief.metric,
            "Value": objective,
        });
        out.insert("FinalHyperParameterTuningJobObjectiveMetric".to_owned(), metric);
    }
    if let Some(status) = objective_status(child) {
        out.insert("ObjectiveStatus".to_owned(), json!(status));
    }
    Value::Object(out)
}
