//! What a job's record says as it goes: pure changes of the stored members.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use sagewright_cloud_sagemaker_base::TrainingEnd;
use sagewright_cloud_sagemaker_base::resource::{cut, seconds};

/// The last value of each metric with the time it was seen.
pub(super) type Metrics = BTreeMap<String, (f64, Timestamp)>;

/// A new job: where its model will be, and its first secondary status.
pub(super) fn start(stored: &mut Map<String, Value>, name: &str, now: i64) {
    let output = stored.get("OutputDataConfig");
    let path = output.and_then(|o| o["S3OutputPath"].as_str()).unwrap_or_default().trim_end_matches('/');
    let leaf = match output.and_then(|o| o["CompressionType"].as_str()) {
        Some("NONE") => "model/",
        _ => "model.tar.gz",
    };
    let artifacts = format!("{path}/{name}/output/{leaf}");
    stored.insert("ModelArtifacts".to_owned(), json!({ "S3ModelArtifacts": artifacts }));
    // Nothing profiles here, whatever `ProfilerConfig` asks for.
    stored.insert("ProfilingStatus".to_owned(), json!("Disabled"));
    enter(stored, "Starting", "Starting the training job", now);
}

/// Enters a secondary status; the one that the job is already in gets a new message.
pub(super) fn enter(stored: &mut Map<String, Value>, status: &str, message: &str, now: i64) {
    if matches!(status, "Downloading" | "Training") && !stored.contains_key("TrainingStartTime") {
        stored.insert("TrainingStartTime".to_owned(), seconds(now));
    }
    let same = stored.get("SecondaryStatus").and_then(Value::as_str) == Some(status);
    stored.insert("SecondaryStatus".to_owned(), json!(status));
    let list = stored.entry("SecondaryStatusTransitions").or_insert_with(|| json!([]));
    let Value::Array(list) = list else { return };
    if let Some(last) = list.last_mut() {
        if same {
            last["StatusMessage"] = json!(message);
            return;
        }
        last["EndTime"] = seconds(now);
    }
    list.push(json!({ "Status": status, "StartTime": seconds(now), "StatusMessage": message }));
}

/// Records the last values of metrics.
pub(super) fn measure(stored: &mut Map<String, Value>, metrics: &Metrics) {
    if metrics.is_empty() {
        return;
    }
    let list: Vec<Value> = metrics
        .iter()
        .map(|(name, (value, at))| {
            // JSON has no NaN; AWS writes it as text.
            let value = if value.is_finite() { json!(value) } else { json!(not_finite(*value)) };
            json!({ "MetricName": name, "Value": value, "Timestamp": seconds(at.as_millisecond()) })
        })
        .collect();
    stored.insert("FinalMetricDataList".to_owned(), Value::Array(list));
}

fn not_finite(value: f64) -> &'static str {
    if value.is_nan() {
        "NaN"
    } else if value > 0.0 {
        "Infinity"
    } else {
        "-Infinity"
    }
}

/// Ends a job that is in `status` and answers the status it ends in. What ends while it is being stopped was stopped,
/// however it ended.
pub(super) fn end(stored: &mut Map<String, Value>, status: &str, end: TrainingEnd, now: i64) -> &'static str {
    let stopped = |artifacts| TrainingEnd::Stopped { artifacts, max_runtime: false };
    let end = match end {
        TrainingEnd::Completed { artifacts } if status == "Stopping" => stopped(Some(artifacts)),
        TrainingEnd::Failed { .. } if status == "Stopping" => stopped(None),
        other => other,
    };
    let (artifacts, ended) = match end {
        TrainingEnd::Completed { artifacts } => {
            enter(stored, "Completed", "Training job completed", now);
            (Some(artifacts), "Completed")
        }
        TrainingEnd::Stopped { artifacts, max_runtime: true } => {
            enter(stored, "MaxRuntimeExceeded", "Training job runtime exceeded MaxRuntimeInSeconds provided", now);
            (artifacts, "Stopped")
        }
        TrainingEnd::Stopped { artifacts, max_runtime: false } => {
            enter(stored, "Stopped", "Training job stopped", now);
            (artifacts, "Stopped")
        }
        TrainingEnd::Failed { reason } => {
            enter(stored, "Failed", "Training job failed", now);
            stored.insert("FailureReason".to_owned(), json!(cut(&reason)));
            (None, "Failed")
        }
    };
    if let Some(uri) = artifacts {
        stored.insert("ModelArtifacts".to_owned(), json!({ "S3ModelArtifacts": uri }));
    }
    if let Some(Value::Array(list)) = stored.get_mut("SecondaryStatusTransitions")
        && let Some(last) = list.last_mut()
    {
        last["EndTime"] = seconds(now);
    }
    stored.insert("TrainingEndTime".to_owned(), seconds(now));
    if let Some(start) = stored.get("TrainingStartTime").and_then(Value::as_f64) {
        #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)] // seconds of a job fit well
        let time = (now as f64 / 1000.0 - start).max(0.0).ceil() as i64;
        stored.insert("TrainingTimeInSeconds".to_owned(), json!(time));
        stored.insert("BillableTimeInSeconds".to_owned(), json!(time));
    }
    ended
}
