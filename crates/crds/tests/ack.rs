//! Everything that ACK's definitions accept is accepted and stored the same.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::sync::LazyLock;

use sagewright_crds::Crd;
use sagewright_kinds::{Kind, find};
use serde_json::Value;

/// The specs of ACK's kinds: its naming rule over the inputs of the create operations that it was made from, less the members
/// that it leaves out. A level of indentation is a level of structure; `!` is a field that it requires.
const SPECS: &str = include_str!("data/ack-specs.txt");

fn crd(kind: &Kind) -> &'static Crd {
    let name = format!("{}.{}", kind.plural(), kind.group());
    all().iter().find(|crd| crd.name == name).unwrap()
}

/// Every definition, made once.
fn all() -> &'static [Crd] {
    static ALL: LazyLock<Vec<Crd>> = LazyLock::new(sagewright_crds::all);
    &ALL
}

fn root(crd: &Crd) -> &Value {
    &crd.document["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
}

/// The type of a schema in the words of the table.
fn of(schema: &Value) -> String {
    match (schema["type"].as_str().unwrap_or_default(), schema["format"].as_str()) {
        ("array", _) => format!("[]{}", of(&schema["items"])),
        ("object", _) if !schema["additionalProperties"].is_null() => {
            format!("map[]{}", of(&schema["additionalProperties"]))
        }
        ("string", Some(format)) => format.to_owned(),
        ("integer", Some("int64")) => "integer".to_owned(),
        (other, _) => other.to_owned(),
    }
}

/// What the elements of lists and maps are.
fn inside(mut schema: &Value) -> &Value {
    loop {
        schema = match schema["type"].as_str() {
            Some("array") => &schema["items"],
            Some("object") if !schema["additionalProperties"].is_null() => &schema["additionalProperties"],
            _ => return schema,
        };
    }
}

#[test]
fn every_field_of_acks_specs_is_here_with_its_type() {
    let (mut kinds, mut fields) = (0, 0);
    let mut wrong = Vec::new();
    let mut stack: Vec<Value> = Vec::new();
    let mut path: Vec<String> = Vec::new();
    for line in SPECS.lines() {
        let depth = line.len() - line.trim_start().len();
        if depth == 0 {
            kinds += 1;
            path = vec![line.to_owned()];
            stack = vec![root(crd(find(line).unwrap()))["properties"]["spec"].clone()];
            continue;
        }
        fields += 1;
        stack.truncate(depth);
        path.truncate(depth);
        let (name, kind) = line.trim().split_once(' ').unwrap();
        let schema = inside(stack.last().unwrap())["properties"][name].clone();
        path.push(name.to_owned());
        if of(&schema) != kind.trim_end_matches('!') {
            wrong.push(format!("{}: {} is not {kind}", path.join("."), of(&schema)));
        }
        stack.push(schema);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!((kinds, fields), (28, 1584));
}

/// What ACK requires and these definitions do not, besides a kind's own name.
const NOT_REQUIRED: &[(&str, &str, &str)] = &[
    ("Endpoint", "endpointConfigName", "a reference stands for it, by a rule"),
    ("InferenceComponent", "endpointName", "a reference stands for it, by a rule"),
    ("PipelineExecution", "pipelineName", "a reference stands for it, by a rule"),
    ("TransformJob", "modelName", "a reference stands for it, by a rule"),
    ("ScalableTarget", "resourceID", "a reference stands for it, by a rule"),
    ("ScalingPolicy", "resourceID", "a reference stands for it, by a rule"),
    ("App", "domainID", "a reference stands for it, by a rule"),
    ("Space", "domainID", "a reference stands for it, by a rule"),
    ("UserProfile", "domainID", "a reference stands for it, by a rule"),
];

#[test]
fn what_is_required_is_what_ack_requires() {
    let mut kind = "";
    let mut required: Vec<(&str, BTreeSet<&str>)> = Vec::new();
    for line in SPECS.lines() {
        if !line.starts_with(' ') {
            kind = line;
            required.push((kind, BTreeSet::new()));
        } else if line.ends_with('!') {
            let (name, _) = line.trim().split_once(' ').unwrap();
            required.last_mut().unwrap().1.insert(name);
        }
    }
    assert!(!kind.is_empty());
    let mut differences = Vec::new();
    for (kind, acks) in required {
        let kind = find(kind).unwrap();
        let crd = crd(kind);
        let spec = &root(crd)["properties"]["spec"];
        let ours: BTreeSet<&str> =
            spec["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let name = kind.own_name().map(sagewright_model::name::to_crd);
        for field in ours.difference(&acks) {
            differences.push(format!("{}.{field} is required here", kind.name()));
        }
        for field in acks.difference(&ours).filter(|field| name.as_deref() != Some(**field)) {
            if !NOT_REQUIRED.iter().any(|(k, f, _)| *k == kind.name() && f == field) {
                differences.push(format!("{}.{field} is required by ACK", kind.name()));
            }
        }
        // A spec may be left out altogether, as ACK has it for objects that adopt.
        assert!(root(crd)["required"].is_null(), "{}", kind.name());
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// Fields of ACK's statuses, by kind: name, type.
const STATUSES: &[(&str, &str)] = &[
    ("App", "status string"),
    ("Domain", "domainID string, status string, url string"),
    (
        "Endpoint",
        "creationTime date-time, endpointStatus string, failureReason string, lastModifiedTime date-time, \
         productionVariants []object",
    ),
    ("FeatureGroup", "failureReason string, featureGroupStatus string"),
    (
        "HyperParameterTuningJob",
        "bestTrainingJob object, failureReason string, hyperParameterTuningJobStatus string, overallBestTrainingJob object",
    ),
    (
        "InferenceComponent",
        "creationTime date-time, endpointName string, failureReason string, inferenceComponentStatus string, \
         lastModifiedTime date-time, variantName string",
    ),
    ("LabelingJob", "failureReason string, labelingJobStatus string"),
    (
        "ModelPackage",
        "creationTime date-time, lastModifiedTime date-time, modelPackageStatus string, modelPackageStatusDetails object",
    ),
    ("ModelPackageGroup", "modelPackageGroupStatus string"),
    (
        "MonitoringSchedule",
        "creationTime date-time, failureReason string, lastModifiedTime date-time, lastMonitoringExecutionSummary object, \
         monitoringScheduleStatus string",
    ),
    (
        "NotebookInstance",
        "failureReason string, notebookInstanceStatus string, stoppedByControllerMetadata string, url string",
    ),
    ("NotebookInstanceLifecycleConfig", "creationTime date-time, lastModifiedTime date-time"),
    ("Pipeline", "creationTime date-time, lastModifiedTime date-time, pipelineStatus string"),
    (
        "PipelineExecution",
        "creationTime date-time, failureReason string, lastModifiedTime date-time, pipelineExecutionStatus string",
    ),
    ("ProcessingJob", "failureReason string, processingJobStatus string"),
    (
        "Project",
        "creationTime date-time, projectID string, projectStatus string, serviceCatalogProvisionedProductDetails object, \
         templateProviderDetails []object",
    ),
    ("ScalableTarget", "creationTime date-time, lastModifiedTime date-time"),
    ("ScalingPolicy", "alarms []object, creationTime date-time, lastModifiedTime date-time"),
    ("Space", "failureReason string, status string"),
    (
        "TrainingJob",
        "creationTime date-time, debugRuleEvaluationStatuses []object, failureReason string, lastModifiedTime date-time, \
         modelArtifacts object, profilerRuleEvaluationStatuses []object, profilingStatus string, secondaryStatus string, \
         trainingJobStatus string, warmPoolStatus object",
    ),
    ("TransformJob", "failureReason string, transformJobStatus string"),
    ("UserProfile", "status string"),
];

#[test]
fn statuses_have_acks_fields() {
    let common = "ackResourceMetadata object, conditions []object, sagewright object";
    for (kind, fields) in STATUSES {
        let crd = crd(find(kind).unwrap());
        let status = &root(crd)["properties"]["status"];
        for field in fields.split(", ").chain(common.split(", ")) {
            let (name, kind_of) = field.split_once(' ').unwrap();
            assert_eq!(of(&status["properties"][name]), kind_of, "{kind}: {name}");
        }
        assert_eq!(status["required"], Value::Null, "{kind}");
        let metadata = &status["properties"]["ackResourceMetadata"]["properties"];
        for name in ["arn", "ownerAccountID", "partition", "region"] {
            assert_eq!(of(&metadata[name]), "string", "{kind}: {name}");
        }
        let condition = &status["properties"]["conditions"]["items"];
        assert_eq!(condition["required"], serde_json::json!(["status", "type"]));
        assert_eq!(of(&condition["properties"]["lastTransitionTime"]), "date-time");
        assert_eq!(status["properties"]["sagewright"]["x-kubernetes-preserve-unknown-fields"], true);
    }
}

#[test]
fn columns_are_acks_then_ready_and_age() {
    let columns = |kind: &str| -> Vec<String> {
        let crd = crd(find(kind).unwrap());
        let columns = crd.document["spec"]["versions"][0]["additionalPrinterColumns"].as_array().unwrap().clone();
        let text = |column: &Value| {
            let priority = column["priority"].as_u64().unwrap_or_default();
            let path = column["jsonPath"].as_str().unwrap();
            format!("{} {} {path} {priority}", column["name"].as_str().unwrap(), column["type"].as_str().unwrap())
        };
        columns.iter().map(text).collect()
    };
    let ready = "READY string .status.conditions[?(@.type==\"Ready\")].status 0";
    let age = "AGE date .metadata.creationTimestamp 0";
    assert_eq!(
        columns("TrainingJob"),
        [
            "FAILURE-REASON string .status.failureReason 1",
            "SECONDARY-STATUS string .status.secondaryStatus 0",
            "STATUS string .status.trainingJobStatus 0",
            ready,
            age,
        ]
    );
    assert_eq!(
        columns("NotebookInstanceLifecycleConfig"),
        ["CREATION-TIME date .status.creationTime 0", "LAST-MODIFIED-TIME date .status.lastModifiedTime 0", ready, age,]
    );
    assert_eq!(
        columns("Domain"),
        ["DOMAIN-ID string .status.domainID 0", "STATUS string .status.status 0", ready, age]
    );
    assert_eq!(columns("Model"), [ready, age]);
    for kind in sagewright_kinds::all() {
        let shown = columns(kind.name());
        let expected: Vec<String> = kind.columns().into_iter().map(|(name, ..)| name).collect();
        let names: Vec<&str> = shown.iter().map(|column| column.split(' ').next().unwrap()).collect();
        assert_eq!(names[..names.len() - 2], expected, "{}", kind.name());
        assert_eq!(shown[shown.len() - 2..], [ready, age], "{}", kind.name());
    }
}
