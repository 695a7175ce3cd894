//! What a job's record says as it goes: the members that `DescribeTrainingJob` shows beside the request, typed.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sagewright_cloud_core::api::ApiError;
use sagewright_cloud_core::records::Record;
use sagewright_cloud_sagemaker_base::TrainingEnd;
use sagewright_cloud_sagemaker_base::resource::{cut, epoch_seconds as seconds, fields};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What a spot job that waited and ran too long is told.
pub(super) const OVERDUE: &str = "Training job runtime exceeded MaxWaitTimeInSeconds provided";

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
    /// Rules that an update gave.
    #[serde(skip_serializing_if = "Option::is_none")]
    profiler_rule_configurations: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    debug_rule_evaluation_statuses: Option<Vec<RuleStatus>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    profiler_rule_evaluation_statuses: Option<Vec<RuleStatus>>,
}

/// How far a rule of the debugger or the profiler is. None runs here: a rule never finds that all is well.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RuleStatus {
    rule_configuration_name: String,
    rule_evaluation_status: String,
    status_details: String,
    last_modified_time: f64,
}

/// The rules of a request, as its record shows them.
pub(super) fn rules(configurations: &Value) -> Vec<String> {
    let names = configurations.as_array().into_iter().flatten();
    names.filter_map(|rule| rule["RuleConfigurationName"].as_str()).map(str::to_owned).collect()
}

fn unevaluated(names: &[String], now: i64) -> Option<Vec<RuleStatus>> {
    let status = |name: &String| RuleStatus {
        rule_configuration_name: name.clone(),
        rule_evaluation_status: "Stopped".to_owned(),
        status_details:
            "The rule was not evaluated: the embedded cloud runs no rules of the debugger and the profiler.".to_owned(),
        last_modified_time: seconds(now),
    };
    (!names.is_empty()).then(|| names.iter().map(status).collect())
}

/// What counts for the end of a job beside its last run's end.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Terms {
    /// It ran into `MaxWaitTimeInSeconds`.
    pub overdue: bool,
    /// It ran on spot instances.
    pub spot: bool,
}

/// The share of a spot job's time that is billed. In AWS it follows the market; instances cost about a third there.
const SPOT_SHARE: f64 = 0.3;

/// Secondary statuses in which a job has its instances.
const AT_WORK: &[&str] = &["Downloading", "Training", "Uploading", "Stopping"];

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
            profiler_rule_configurations: None,
            debug_rule_evaluation_statuses: None,
            profiler_rule_evaluation_statuses: None,
        };
        progress.enter("Starting", "Starting the training job", now);
        progress
    }

    /// The rules of the debugger and the profiler that the job was created with.
    pub fn ruled(mut self, debugger: &[String], profiler: &[String], now: i64) -> Self {
        self.debug_rule_evaluation_statuses = unevaluated(debugger, now);
        self.profiler_rule_evaluation_statuses = unevaluated(profiler, now);
        self
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

    /// The secondary status.
    pub fn secondary(&self) -> &str {
        &self.secondary_status
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

    /// The instances were taken away, and the job waits for others.
    pub fn interrupted(&mut self, now: i64) {
        self.enter("Starting", "Starting the training job", now);
    }

    /// The profiler's configuration and rules, which an update replaces.
    pub fn profile(&mut self, config: Option<Value>, rules_given: Option<Value>, now: i64) {
        if config.is_some() {
            self.profiler_config = config;
        }
        if let Some(configurations) = rules_given {
            self.profiler_rule_evaluation_statuses = unevaluated(&rules(&configurations), now);
            self.profiler_rule_configurations = Some(configurations);
        }
    }

    /// Seconds for which the job has had instances, since it started.
    fn trained(&self, start: f64) -> f64 {
        let since = self.secondary_status_transitions.iter().filter(|t| t.start_time >= start);
        let worked = since.filter(|t| AT_WORK.contains(&&*t.status));
        let seconds: f64 = worked.map(|t| t.end_time.unwrap_or(t.start_time) - t.start_time).sum();
        // Times are in milliseconds; a sum of differences is not quite.
        (seconds * 1000.0).round() / 1000.0
    }

    /// The job has ended.
    pub fn end(&mut self, end: &TrainingEnd, terms: Terms, now: i64) {
        let (status, message) = match end {
            TrainingEnd::Completed { .. } => ("Completed", "Training job completed"),
            TrainingEnd::Stopped { .. } if terms.overdue => ("MaxWaitTimeExceeded", OVERDUE),
            TrainingEnd::Stopped { max_runtime: true, .. } => {
                ("MaxRuntimeExceeded", "Training job runtime exceeded MaxRuntimeInSeconds provided")
            }
            TrainingEnd::Stopped { max_runtime: false, .. } | TrainingEnd::Interrupted => {
                ("Stopped", "Training job stopped")
            }
            TrainingEnd::Failed { .. } => ("Failed", "Training job failed"),
        };
        self.enter(status, message, now);
        match end {
            TrainingEnd::Completed { artifacts } | TrainingEnd::Stopped { artifacts: Some(artifacts), .. } => {
                artifacts.clone_into(&mut self.model_artifacts.uri);
            }
            TrainingEnd::Stopped { artifacts: None, .. } | TrainingEnd::Interrupted => {}
            TrainingEnd::Failed { reason } => self.failure_reason = Some(cut(reason).to_owned()),
        }
        if let Some(last) = self.secondary_status_transitions.last_mut() {
            last.end_time = Some(seconds(now));
        }
        self.training_end_time = Some(seconds(now));
        if let Some(start) = self.training_start_time {
            // Not less than one by the model.
            #[allow(clippy::cast_possible_truncation)] // seconds of a job fit well
            let whole = |seconds: f64| seconds.max(1.0).ceil() as i64;
            let time = self.trained(start);
            self.training_time_in_seconds = Some(whole(time));
            self.billable_time_in_seconds = Some(whole(if terms.spot { time * SPOT_SHARE } else { time }));
        }
    }
}
