//! What a job's record says as it goes: the members that `DescribeTrainingJob` shows beside the request, typed.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sagewright_cloud_core::api::ApiError;
use sagewright_cloud_core::records::Record;
use sagewright_cloud_sagemaker_base::TrainingEnd;
use sagewright_cloud_sagemaker_base::resource::{cut, epoch_seconds as seconds, fields};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The last value of each metric with the time it was seen.
pub(super) type Metrics = BTreeMap<String, (f64, Timestamp)>;

/// These members, by AWS's names and in the order in which they are shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Progress {
    model_artifacts: Artifacts,
    /// Nothing profiles here, whatever `ProfilerConfig` asks for.
    profiling_status: String,
    secondary_status: String,
    secondary_status_transitions: Vec<Transition>,
    training_start_time: Option<f64>,
    final_metric_data_list: Option<Vec<Datum>>,
    failure_reason: Option<String>,
    training_end_time: Option<f64>,
    training_time_in_seconds: Option<i64>,
    billable_time_in_seconds: Option<i64>,
    /// One that an update gave.
    #[serde(skip_serializing_if = "Option::is_none")]
    profiler_config: Option<Value>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Artifacts {
    #[serde(rename = "S3ModelArtifacts")]
    uri: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Transition {
    status: String,
    start_time: f64,
    status_message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_time: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Datum {
    metric_name: String,
    value: Number,
    timestamp: f64,
}

/// JSON has no NaN; AWS writes it as text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Number {
    Finite(f64),
    Other(String),
}

impl From<f64> for Number {
    fn from(value: f64) -> Self {
        if value.is_finite() {
            Self::Finite(value)
        } else if value.is_nan() {
            Self::Other("NaN".to_owned())
        } else {
            Self::Other(if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned())
        }
    }
}

impl Progress {
    /// A new job, with the place where its model will be.
    pub fn new(artifacts: String, now: i64) -> Self {
        let mut progress = Self {
            model_artifacts: Artifacts { uri: artifacts },
            profiling_status: "Disabled".to_owned(),
            secondary_status: String::new(),
            secondary_status_transitions: Vec::new(),
            training_start_time: None,
            final_metric_data_list: None,
            failure_reason: None,
            training_end_time: None,
            training_time_in_seconds: None,
            billable_time_in_seconds: None,
            profiler_config: None,
        };
        progress.enter("Starting", "Starting the training job", now);
        progress
    }

    /// What a record says.
    pub fn of(record: &Record) -> Option<Self> {
        Self::deserialize(&record.body).ok()
    }

    /// Writes the members into a record, and removes those that the job does not have.
    pub fn show(&self, record: &mut Record) -> Result<(), ApiError> {
        let members: Map<String, Value> = match serde_json::to_value(self) {
            Ok(Value::Object(members)) => members,
            _ => return Err(ApiError::internal(format!("the progress of {} cannot be written", record.arn))),
        };
        let stored = fields(record)?;
        for (member, value) in members {
            match value {
                Value::Null => stored.shift_remove(&member),
                value => stored.insert(member, value),
            };
        }
        Ok(())
    }

    /// Enters a secondary status; the one that the job is already in gets a new message.
    pub fn enter(&mut self, status: &str, message: &str, now: i64) {
        if matches!(status, "Downloading" | "Training") {
            self.training_start_time.get_or_insert(seconds(now));
        }
        let same = self.secondary_status == status;
        status.clone_into(&mut self.secondary_status);
        if let Some(last) = self.secondary_status_transitions.last_mut() {
            if same {
                message.clone_into(&mut last.status_message);
                return;
            }
            last.end_time = Some(seconds(now));
        }
        self.secondary_status_transitions.push(Transition {
            status: status.to_owned(),
            start_time: seconds(now),
            status_message: message.to_owned(),
            end_time: None,
        });
    }

    /// The job begins again from the start.
    pub fn restart(&mut self, why: &str, now: i64) {
        self.training_start_time = None;
        self.final_metric_data_list = None;
        self.enter("Restarting", why, now);
        self.enter("Starting", "Starting the training job", now);
    }

    /// Records the last values of metrics.
    pub fn measure(&mut self, metrics: &Metrics) {
        if metrics.is_empty() {
            return;
        }
        let datum = |(name, (value, at)): (&String, &(f64, Timestamp))| Datum {
            metric_name: name.clone(),
            value: Number::from(*value),
            timestamp: seconds(at.as_millisecond()),
        };
        self.final_metric_data_list = Some(metrics.iter().map(datum).collect());
    }

    /// The profiler's configuration, which an update replaces.
    pub fn profile(&mut self, config: Value) {
        self.profiler_config = Some(config);
    }

    /// The job has ended.
    pub fn end(&mut self, end: &TrainingEnd, now: i64) {
        let (status, message) = match end {
            TrainingEnd::Completed { .. } => ("Completed", "Training job completed"),
            TrainingEnd::Stopped { max_runtime: true, .. } => {
                ("MaxRuntimeExceeded", "Training job runtime exceeded MaxRuntimeInSeconds provided")
            }
            TrainingEnd::Stopped { max_runtime: false, .. } => ("Stopped", "Training job stopped"),
            TrainingEnd::Failed { .. } => ("Failed", "Training job failed"),
        };
        self.enter(status, message, now);
        match end {
            TrainingEnd::Completed { artifacts } | TrainingEnd::Stopped { artifacts: Some(artifacts), .. } => {
                artifacts.clone_into(&mut self.model_artifacts.uri);
            }
            TrainingEnd::Stopped { artifacts: None, .. } => {}
            TrainingEnd::Failed { reason } => self.failure_reason = Some(cut(reason).to_owned()),
        }
        if let Some(last) = self.secondary_status_transitions.last_mut() {
            last.end_time = Some(seconds(now));
        }
        self.training_end_time = Some(seconds(now));
        if let Some(start) = self.training_start_time {
            // Not less than one by the model.
            #[allow(clippy::cast_possible_truncation)] // seconds of a job fit well
            let time = (seconds(now) - start).max(1.0).ceil() as i64;
            self.training_time_in_seconds = Some(time);
            self.billable_time_in_seconds = Some(time);
        }
    }
}
