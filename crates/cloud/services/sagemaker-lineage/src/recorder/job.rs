//! Jobs: a trial component each, artifacts for what they read and wrote, and their place in an experiment.

use sagewright_cloud_core::records::Record;
use sagewright_cloud_sagemaker_base::Kind;
use serde_json::{Map, Value, json};

use super::plan::{Plan, Planner};

/// A parameter's text has so many characters at most, and a trial component so many parameters and artifacts of a side.
const TEXT: usize = 2500;
const PARAMETERS: usize = 300;
const ARTIFACTS: usize = 60;

/// What is particular to a kind of job.
struct Row {
    kind: Kind,
    /// End of the names of its trial components.
    suffix: &'static str,
    source: &'static str,
    /// Members with the times of its run.
    times: (&'static str, &'static str),
    /// The cluster or resources, and the image.
    resources: &'static str,
    image: &'static str,
    more: &'static [(&'static str, &'static str)],
}

const ROWS: [Row; 3] = [
    Row {
        kind: Kind::TRAINING_JOB,
        suffix: "-aws-training-job",
        source: "SageMakerTrainingJob",
        times: ("TrainingStartTime", "TrainingEndTime"),
        resources: "/ResourceConfig",
        image: "/AlgorithmSpecification/TrainingImage",
        more: &[],
    },
    Row {
        kind: Kind::PROCESSING_JOB,
        suffix: "-aws-processing-job",
        source: "SageMakerProcessingJob",
        times: ("ProcessingStartTime", "ProcessingEndTime"),
        resources: "/ProcessingResources/ClusterConfig",
        image: "/AppSpecification/ImageUri",
        more: &[],
    },
    Row {
        kind: Kind::TRANSFORM_JOB,
        suffix: "-aws-transform-job",
        source: "SageMakerTransformJob",
        times: ("TransformStartTime", "TransformEndTime"),
        resources: "/TransformResources",
        image: "",
        more: &[("SageMaker.ModelName", "/ModelName")],
    },
];

/// One thing that a job reads or writes: its name, media type and URI, and the type of its artifact.
struct Port<'a> {
    name: String,
    media: Option<&'a Value>,
    uri: &'a Value,
    of: &'static str,
}

/// The key of the trial component of a job, by the job's ARN.
pub fn component_of(arn: &str) -> Option<String> {
    let (kind, name) = arn.splitn(6, ':').nth(5)?.split_once('/')?;
    let row = ROWS.iter().find(|row| row.kind.as_str() == kind)?;
    Some(format!("{name}{}", row.suffix))
}

/// The lineage of a job that entered a status.
pub fn job(kind: Kind, record: &Record, event: &str) -> Plan {
    let Some(row) = ROWS.iter().find(|row| row.kind == kind) else { return Plan::default() };
    let body = &record.body;
    let name = body[kind.name_member()].as_str().unwrap_or(&record.key.name);
    let (inputs, outputs) = if event == "InProgress" { (Vec::new(), Vec::new()) } else { ports(kind, body, event) };

    let mut planner = Planner::of(record);
    let component_name = format!("{name}{}", row.suffix);
    let shown = component(row, record, &component_name, &inputs, &outputs);
    let component = planner.entity(Kind::TRIAL_COMPONENT, &component_name, shown);
    // A run that begins changes nothing of a component that is there: timers may be done in any order.
    planner.plan.entities[component].renews = event != "InProgress";
    if event != "InProgress" {
        let image = planner.artifact(pointer(body, row.image), "Image");
        planner.edge(image, Some(component), "ContributedTo");
        for port in &inputs {
            let artifact = planner.artifact(port.uri, port.of);
            planner.edge(artifact, Some(component), "ContributedTo");
        }
        for port in &outputs {
            let artifact = planner.artifact(port.uri, port.of);
            planner.edge(Some(component), artifact, "Produced");
        }
    }
    experiment(&mut planner, record, &component_name, component);
    planner.plan
}

fn pointer<'a>(value: &'a Value, pointer: &str) -> &'a Value {
    // The empty pointer would be all of it.
    if pointer.is_empty() { &Value::Null } else { value.pointer(pointer).unwrap_or(&Value::Null) }
}

fn list<'a>(value: &'a Value, at: &str) -> impl Iterator<Item = &'a Value> {
    pointer(value, at).as_array().into_iter().flatten()
}

/// What a job read, and what it wrote: a failed one left nothing that counts.
fn ports<'a>(kind: Kind, body: &'a Value, event: &str) -> (Vec<Port<'a>>, Vec<Port<'a>>) {
    let name = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let data = |name: String, media: Option<&'a Value>, uri: &'a Value| Port { name, media, uri, of: "DataSet" };
    let (inputs, mut outputs): (Vec<_>, Vec<_>) = match kind.0.noun {
        "TrainingJob" => {
            let channel = |c: &'a Value| {
                data(name(&c["ChannelName"]), c.get("ContentType"), pointer(c, "/DataSource/S3DataSource/S3Uri"))
            };
            let out = |name: &str, at: &str, of: &'static str| Port {
                name: name.to_owned(),
                media: None,
                uri: pointer(body, at),
                of,
            };
            let outputs = vec![
                out("SageMaker.ModelArtifact", "/ModelArtifacts/S3ModelArtifacts", "Model"),
                out("SageMaker.CheckpointConfig", "/CheckpointConfig/S3Uri", "Checkpoint"),
                out("SageMaker.TensorBoardOutput", "/TensorBoardOutputConfig/S3OutputPath", "TensorBoard"),
            ];
            (list(body, "/InputDataConfig").map(channel).collect(), outputs)
        }
        "ProcessingJob" => {
            let input = |i: &'a Value| data(name(&i["InputName"]), None, pointer(i, "/S3Input/S3Uri"));
            let output = |o: &'a Value| data(name(&o["OutputName"]), None, pointer(o, "/S3Output/S3Uri"));
            let outputs = list(body, "/ProcessingOutputConfig/Outputs").map(output).collect();
            (list(body, "/ProcessingInputs").map(input).collect(), outputs)
        }
        _ => {
            let input = pointer(body, "/TransformInput");
            let (from, to) = (pointer(input, "/DataSource/S3DataSource/S3Uri"), pointer(body, "/TransformOutput"));
            (
                vec![data("SageMaker.TransformInput".to_owned(), input.get("ContentType"), from)],
                vec![data("SageMaker.TransformOutput".to_owned(), to.get("Accept"), pointer(to, "/S3OutputPath"))],
            )
        }
    };
    if event == "Failed" {
        outputs.clear();
    }
    let there = |ports: Vec<Port<'a>>| ports.into_iter().filter(|port| port.uri.is_string()).collect();
    (there(inputs), there(outputs))
}

/// The trial component of a job, as it is described.
fn component(row: &Row, record: &Record, name: &str, inputs: &[Port<'_>], outputs: &[Port<'_>]) -> Value {
    let body = &record.body;
    let mut out = Map::from_iter([
        ("TrialComponentName".to_owned(), json!(name)),
        ("Source".to_owned(), json!({ "SourceArn": record.arn, "SourceType": row.source })),
        ("Status".to_owned(), json!({ "PrimaryStatus": record.status, "Message": message(record) })),
        ("Parameters".to_owned(), Value::Object(parameters(row, body))),
    ]);
    let display = &body["ExperimentConfig"]["TrialComponentDisplayName"];
    out.insert("DisplayName".to_owned(), if display.is_string() { display.clone() } else { json!(name) });
    for (member, source) in [("StartTime", row.times.0), ("EndTime", row.times.1)] {
        out.extend(body.get(source).filter(|time| !time.is_null()).map(|time| (member.to_owned(), time.clone())));
    }
    for (member, ports) in [("InputArtifacts", inputs), ("OutputArtifacts", outputs)] {
        let artifacts = ports.iter().take(ARTIFACTS).map(|port| {
            let mut artifact = Map::from_iter([("Value".to_owned(), port.uri.clone())]);
            artifact.extend(port.media.map(|media| ("MediaType".to_owned(), media.clone())));
            (port.name.clone(), Value::Object(artifact))
        });
        out.insert(member.to_owned(), Value::Object(artifacts.collect()));
    }
    let metrics: Vec<Value> = list(body, "/FinalMetricDataList")
        .map(|metric| {
            json!({
                "MetricName": metric["MetricName"], "SourceArn": record.arn, "TimeStamp": metric["Timestamp"],
                "Last": metric["Value"],
            })
        })
        .collect();
    if !metrics.is_empty() {
        out.insert("Metrics".to_owned(), Value::Array(metrics));
    }
    Value::Object(out)
}

/// In the form that AWS tells it.
fn message(record: &Record) -> String {
    let reason = record.body["FailureReason"].as_str().unwrap_or_default();
    let second = record.body["SecondaryStatus"].as_str().unwrap_or_default();
    let text = match second {
        "" => format!("Status: {}, failure reason: {reason}.", record.status),
        second => format!("Status: {}, secondary status: {second}, failure reason: {reason}.", record.status),
    };
    text.chars().take(1024).collect()
}

fn parameters(row: &Row, body: &Value) -> Map<String, Value> {
    let resources = pointer(body, row.resources);
    let own = [
        ("SageMaker.ImageUri", pointer(body, row.image)),
        ("SageMaker.InstanceCount", &resources["InstanceCount"]),
        ("SageMaker.InstanceType", &resources["InstanceType"]),
        ("SageMaker.VolumeSizeInGB", &resources["VolumeSizeInGB"]),
    ];
    let own = own.into_iter().chain(row.more.iter().map(|(name, at)| (*name, pointer(body, at))));
    let hyper = body["HyperParameters"].as_object().into_iter().flatten().map(|(name, value)| (&**name, value));
    own.chain(hyper).filter_map(|(name, value)| Some((name.to_owned(), parameter(value)?))).take(PARAMETERS).collect()
}

/// Hyperparameters are texts; those that are numbers count as such.
fn parameter(value: &Value) -> Option<Value> {
    let number = value.as_f64().or_else(|| value.as_str()?.parse().ok()).filter(|n: &f64| n.is_finite());
    match (number, value.as_str()) {
        (Some(number), _) => Some(json!({ "NumberValue": number })),
        (None, Some(text)) => Some(json!({ "StringValue": text.chars().take(TEXT).collect::<String>() })),
        (None, None) => None,
    }
}

/// Puts a component into the trial that its job names. What is named and not there is made, as Pipelines does for theirs.
fn experiment(planner: &mut Planner<'_>, record: &Record, component_name: &str, component: usize) {
    let config = &record.body["ExperimentConfig"];
    let Some(experiment) = config["ExperimentName"].as_str() else { return };
    let own = format!("{component_name}-trial");
    let trial = config["TrialName"].as_str().unwrap_or(&own);
    let display = |name: &str, member: &str| json!({ member: name, "DisplayName": name });
    let within = planner.entity(Kind::EXPERIMENT, experiment, display(experiment, "ExperimentName"));
    let trial = planner.entity(Kind::TRIAL, trial, display(trial, "TrialName"));
    planner.plan.entities[trial].within = Some(within);
    planner.plan.membership = Some((trial, component));
}
