//! The processing jobs of an execution, as requests: pure. Names, variables and folders are those that Model Monitor makes.

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::State;
use super::window;
use crate::plan::Type;
use crate::schedule::expression::{hour, stamp};

/// Model Monitor's own folders in a container.
const BASELINE: &str = "/opt/ml/processing/baseline";
const MERGED: &str = "/opt/ml/processing/input_data";
const TRUTH: &str = "/opt/ml/processing/groundtruth";

/// Repository of the program that merges ground truth.
const MERGER: &str = "sagemaker-model-monitor-groundtruth-merger";

/// Inputs of a processing job.
const INPUTS: usize = 10;

/// What the names of an execution's jobs end with: each process makes the same, and no other schedule does.
pub(super) fn suffix(arn: &str, id: &str, scheduled: i64) -> String {
    let digest = Sha256::digest(format!("{arn}\n{id}\n{scheduled}"));
    digest.iter().take(12).map(|byte| format!("{byte:02x}")).collect()
}

/// What is known of where the data is.
#[derive(Debug, Clone, Default)]
pub(super) struct Data {
    /// `s3://…/endpoint`, of what was captured or merged.
    pub source: String,
    /// Variants and hours of it that have objects.
    pub found: Vec<(String, String)>,
    /// Hours of the ground truth that have objects.
    pub truths: Vec<String>,
}

/// The jobs of an execution, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Job {
    /// Merges ground truth into what was captured.
    Merge,
    Analyse,
}

impl State {
    /// Whether ground truth is merged first.
    pub(super) fn merges(&self) -> bool {
        matches!(self.plan.monitoring, Type::ModelQuality | Type::ModelBias) && self.plan.truth.is_some()
    }

    /// The job that comes next; `None` where all have completed.
    pub(super) fn job(&self) -> Option<Job> {
        let jobs: &[Job] = if self.merges() { &[Job::Merge, Job::Analyse] } else { &[Job::Analyse] };
        jobs.get(self.done).copied()
    }

    /// The name of a job: `data-quality-monitoring-202601010000-` and 24 letters.
    pub(super) fn name(&self, job: Job) -> String {
        let prefix = match job {
            Job::Merge => "groundtruth-merge",
            Job::Analyse if self.plan.definition.is_none() => "model-monitoring",
            Job::Analyse => self.plan.monitoring.prefix(),
        };
        let time: String = stamp(self.scheduled).chars().filter(char::is_ascii_digit).take(12).collect();
        format!("{prefix}-{time}-{}", self.suffix)
    }

    fn endpoint(&self) -> &str {
        self.plan.endpoint_name().unwrap_or_default()
    }

    fn output_uri(&self) -> &str {
        self.plan.output["S3Uri"].as_str().unwrap_or_default().trim_end_matches('/')
    }

    /// Where merged data of the endpoint is.
    pub(super) fn merged(&self) -> String {
        format!("{}/{}", self.merged_uri(), self.endpoint())
    }

    /// When ground truth of the window was collected, which may be later than the predictions that it is for: until the run.
    ///
    /// <https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-model-quality-merge.html>
    pub(super) fn truths(&self) -> (i64, i64) {
        (self.window.0, self.window.1.max(self.scheduled))
    }

    /// Where merged data goes.
    fn merged_uri(&self) -> String {
        format!("{}/merge", self.output_uri())
    }

    /// `CreateProcessingJob` of a job.
    pub(super) fn request(&self, job: Job, data: &Data) -> Value {
        let plan = &self.plan;
        let (image, output, environment, inputs) = match job {
            Job::Merge => {
                let image = merger(&plan.image);
                let local = "/opt/ml/processing/output";
                let output = output("result", local, &self.merged_uri(), "EndOfJob");
                let environment = [
                    ("dataset_source", MERGED),
                    ("ground_truth_source", TRUTH),
                    ("output_path", local),
                    ("start_time", &stamp(self.window.0)),
                    ("end_time", &stamp(self.window.1)),
                ];
                let environment = environment.map(|(name, value)| (name.to_owned(), json!(value)));
                (image, output, Map::from_iter(environment), self.merge_inputs(data))
            }
            Job::Analyse => {
                let local = plan.output["LocalPath"].as_str().unwrap_or("/opt/ml/processing/output");
                let place =
                    format!("{}/{}/{}/{}", self.output_uri(), self.endpoint(), self.schedule, hour(self.scheduled));
                let mode = plan.output["S3UploadMode"].as_str().unwrap_or("Continuous");
                (plan.image.clone(), output("result", local, &place, mode), self.environment(), self.inputs(data))
            }
        };
        let mut application = json!({ "ImageUri": image });
        if job == Job::Analyse {
            for (member, value) in [("ContainerEntrypoint", &plan.entrypoint), ("ContainerArguments", &plan.arguments)]
            {
                if let Some(value) = value {
                    application[member] = value.clone();
                }
            }
        }
        let mut outputs = json!({ "Outputs": [output] });
        if let Some(key) = &plan.output_key {
            outputs["KmsKeyId"] = json!(key);
        }
        let mut request = json!({
            "ProcessingJobName": self.name(job),
            "AppSpecification": application,
            "ProcessingInputs": inputs,
            "ProcessingOutputConfig": outputs,
            "ProcessingResources": { "ClusterConfig": plan.cluster },
            "Environment": environment,
            "RoleArn": plan.role,
        });
        if let Some(network) = &plan.network {
            request["NetworkConfig"] = network.clone();
        }
        if let Some(seconds) = plan.max_runtime {
            request["StoppingCondition"] = json!({ "MaxRuntimeInSeconds": seconds });
        }
        request
    }

    /// Where the analysis finds its data.
    fn source(&self) -> &str {
        if self.merges() { MERGED } else { self.plan.endpoint["LocalPath"].as_str().unwrap_or(MERGED) }
    }

    /// The variables of an analysis: the user's, and those of the contract, which come first.
    fn environment(&self) -> Map<String, Value> {
        let plan = &self.plan;
        let mut out: Map<String, Value> =
            plan.environment.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        let format = if self.merges() {
            json!({ "sagemakerMergeJson": { "captureIndexNames": ["endpointOutput"] } })
        } else {
            json!({ "sagemakerCaptureJson": { "captureIndexNames": ["endpointInput", "endpointOutput"] } })
        };
        let mut set = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                out.insert(name.to_owned(), Value::String(value));
            }
        };
        set("dataset_format", Some(format.to_string()));
        set("dataset_source", Some(self.source().to_owned()));
        set("output_path", plan.output["LocalPath"].as_str().map(str::to_owned));
        set("sagemaker_endpoint_name", Some(self.endpoint().to_owned()));
        set("sagemaker_monitoring_schedule_name", Some(self.schedule.clone()));
        set("start_time", Some(stamp(self.window.0)));
        set("metric_time", Some(stamp(self.window.0)));
        set("end_time", Some(stamp(self.window.1)));
        let file = |uri: &Option<String>, folder: &str| {
            let name = uri.as_deref()?.rsplit('/').next()?.to_owned();
            Some(format!("{BASELINE}/{folder}/{name}"))
        };
        set("baseline_constraints", file(&plan.constraints, "constraints"));
        set("baseline_statistics", file(&plan.statistics, "stats"));
        if plan.monitoring == Type::ModelQuality {
            set("analysis_type", Some("MODEL_QUALITY".to_owned()));
        }
        set("problem_type", plan.problem.clone());
        for (name, member) in [
            ("inference_attribute", "InferenceAttribute"),
            ("probability_attribute", "ProbabilityAttribute"),
            ("probability_threshold_attribute", "ProbabilityThresholdAttribute"),
            ("features_attribute", "FeaturesAttribute"),
            ("exclude_features_attribute", "ExcludeFeaturesAttribute"),
        ] {
            let value = &plan.endpoint[member];
            set(name, value.as_str().map(str::to_owned).or_else(|| value.as_f64().map(|number| number.to_string())));
        }
        out.entry("publish_cloudwatch_metrics").or_insert_with(|| json!("Enabled"));
        out
    }

    fn inputs(&self, data: &Data) -> Vec<Value> {
        let plan = &self.plan;
        let baseline = [
            ("baseline", &plan.statistics, "stats"),
            ("constraints", &plan.constraints, "constraints"),
            ("analysis_config", &plan.config, "config"),
        ];
        let mut inputs: Vec<Value> = baseline
            .into_iter()
            .filter_map(|(name, uri, folder)| {
                Some(input(name, &format!("{BASELINE}/{folder}"), uri.as_deref()?, &Value::Null))
            })
            .collect();
        let most = INPUTS - inputs.len();
        inputs.extend(self.captured(self.source(), data, most));
        inputs
    }

    fn merge_inputs(&self, data: &Data) -> Vec<Value> {
        let truth = self.plan.truth.as_deref().unwrap_or_default().trim_end_matches('/');
        let found: Vec<_> = data.truths.iter().map(|hour| (String::new(), hour.clone())).collect();
        let folders = window::folders(&found, INPUTS / 2);
        let mut inputs: Vec<Value> = (1..)
            .zip(folders.iter().map(|folder| folder.trim_start_matches('/')))
            .map(|(number, folder)| {
                input(
                    &format!("groundtruth_input_{number}"),
                    &below(TRUTH, folder),
                    &below(truth, folder),
                    &Value::Null,
                )
            })
            .collect();
        inputs.extend(self.captured(MERGED, data, INPUTS - inputs.len()));
        inputs
    }

    /// Inputs of what was captured, below `folder` in the container.
    fn captured(&self, folder: &str, data: &Data, most: usize) -> Vec<Value> {
        let local = below(folder, self.endpoint());
        let folders = window::folders(&data.found, most);
        (1..)
            .zip(folders)
            .map(|(number, folder)| {
                let name = format!("endpoint_input_{number}");
                input(&name, &below(&local, &folder), &below(&data.source, &folder), &self.plan.endpoint)
            })
            .collect()
    }
}

/// The image that merges ground truth, whatever analyses it: that beside Model Monitor's analyser, or AWS's own.
fn merger(image: &str) -> String {
    match image.split_once("/sagemaker-model-monitor-analyzer") {
        Some((registry, _)) => format!("{registry}/{MERGER}"),
        None => format!("156813124566.dkr.ecr.us-east-1.amazonaws.com/{MERGER}"),
    }
}

/// A folder below one; with no name it is that one, with the slash that keeps others out which begin alike.
fn below(folder: &str, name: &str) -> String {
    let folder = folder.trim_end_matches('/');
    format!("{folder}/{name}")
}

fn input(name: &str, local: &str, uri: &str, given: &Value) -> Value {
    let or = |member: &str, default: &str| given[member].as_str().unwrap_or(default).to_owned();
    json!({
        "InputName": name,
        "S3Input": {
            "S3Uri": uri,
            "LocalPath": local.trim_end_matches('/'),
            "S3DataType": "S3Prefix",
            "S3InputMode": or("S3InputMode", "File"),
            "S3DataDistributionType": or("S3DataDistributionType", "FullyReplicated"),
            "S3CompressionType": "None",
        },
    })
}

fn output(name: &str, local: &str, uri: &str, mode: &str) -> Value {
    json!({ "OutputName": name, "S3Output": { "S3Uri": uri, "LocalPath": local, "S3UploadMode": mode } })
}

#[cfg(test)]
mod tests;
