//! Objects that mirror training jobs of a tuning job.
#![allow(missing_docs, clippy::unwrap_used)]

use sagewright_legacy::fields::{Line, part};
use sagewright_legacy::mirror::{is_mirror, mirror, other_name};
use sagewright_legacy::{Declared, declare};
use sagewright_objects::check;
use serde_json::{Value, json};

const ROLE: &str = "arn:aws:iam::123456789012:role/sagemaker";
const UID: &str = "1a2b3c4d-0000-4000-8000-0123456789ab";

fn tuning(more: Value) -> Value {
    let mut spec = json!({"region": "us-west-2"});
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"apiVersion": "sagemaker.aws.amazon.com/v1", "kind": "HyperparameterTuningJob",
        "metadata": {"name": "tune", "namespace": "ml", "uid": UID, "labels": {"team": "fraud"}}, "spec": spec})
}

/// A training job as AWS describes it.
fn job() -> Value {
    json!({
        "TrainingJobName": "Tune-001-0a1B2c3d",
        "TrainingJobArn": "arn:aws:sagemaker:us-west-2:123456789012:training-job/tune-001-0a1b2c3d",
        "TuningJobArn": "arn:aws:sagemaker:us-west-2:123456789012:hyper-parameter-tuning-job/tune",
        "TrainingJobStatus": "InProgress",
        "SecondaryStatus": "Training",
        "CreationTime": "2026-01-02T03:04:05Z",
        "RoleArn": ROLE,
        "HyperParameters": {"max_depth": "5", "_tuning_objective_metric": "validation:rmse"},
        "AlgorithmSpecification": {
            "TrainingImage": "433757028032.dkr.ecr.us-west-2.amazonaws.com/xgboost:1", "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": "validation:rmse", "Regex": "rmse:(\\S+)"}],
            "EnableSageMakerMetricsTimeSeries": false,
        },
        "InputDataConfig": [],
        "OutputDataConfig": {"KmsKeyId": "", "S3OutputPath": "s3://bucket/models", "CompressionType": "GZIP"},
        "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m4.xlarge", "VolumeSizeInGB": 5, "KeepAlivePeriodInSeconds": 0},
        "VpcConfig": {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]},
        "StoppingCondition": {"MaxRuntimeInSeconds": 86400},
        "EnableNetworkIsolation": false,
        "Environment": {"A": "b"},
        "RetryStrategy": {"MaximumRetryAttempts": 2},
        "ProfilingStatus": "Disabled",
    })
}

#[test]
fn a_mirror_has_the_spec_that_aws_shows_and_belongs_to_the_tuning_job() {
    let mirror = mirror(&tuning(json!({"sageMakerEndpoint": "https://vpce-1.example"})), &job()).unwrap();
    assert!(is_mirror(&mirror));
    insta::assert_json_snapshot!(mirror);
}

/// Fields of a value that the definition does not have.
fn unknown(line: &Line, value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| unknown(line, item, path, found)),
        Value::Object(map) if !line.of().ends_with("Pair") => {
            for (name, value) in map {
                let path = format!("{path}.{name}");
                match line.fields().iter().find(|field| field.name() == name) {
                    Some(field) => unknown(field, value, &path, found),
                    None => found.push(path),
                }
            }
        }
        _ => {}
    }
}

#[test]
fn a_mirror_is_what_the_definition_and_todays_kind_take() {
    let mirror = mirror(&tuning(json!({})), &job()).unwrap();
    let line = part("TrainingJob", "spec").unwrap();
    let mut found = Vec::new();
    unknown(line, &mirror["spec"], "spec", &mut found);
    assert!(found.is_empty(), "{found:?}");
    for field in line.below.iter().filter(|field| field.is_required()) {
        assert!(mirror["spec"].get(field.name()).is_some(), "{}", field.name());
    }
    let Declared { objects, endpoint } = declare(&mirror).unwrap();
    check(&objects).unwrap();
    assert_eq!((objects.len(), endpoint), (1, None));
    assert_eq!(objects[0].metadata.name, "tune-001-0a1b2c3d");
    assert_eq!(objects[0].spec["trainingJobName"], "Tune-001-0a1B2c3d", "the job's own name, not one that is made");
}

#[test]
fn what_says_no_name_is_mirrored_by_nothing() {
    for job in [json!(null), json!({}), json!([]), json!({"TrainingJobName": 7})] {
        assert_eq!(mirror(&tuning(json!({})), &job), None);
    }
    // Whatever else is missing: the cluster refuses what its definition does not take.
    assert!(mirror(&json!(null), &json!({"TrainingJobName": "a"})).is_some());
}

#[test]
fn names_fit_kubernetes_and_another_name_is_the_same_each_time() {
    let longest = format!("T{}", "9".repeat(62));
    let mut of = job();
    of["TrainingJobName"] = json!(longest);
    let mirror = mirror(&tuning(json!({})), &of).unwrap();
    let name = mirror["metadata"]["name"].as_str().unwrap();
    assert_eq!((name.len(), name), (63, longest.to_lowercase().as_str()));
    let other = other_name(UID, name);
    assert!(other.len() <= 63 && other != name && other == other_name(UID, name) && other != other_name("b", name));
}

#[test]
fn a_document_mirrors_by_its_finalizer() {
    let with = |finalizers: Value| json!({"metadata": {"finalizers": finalizers}});
    for (document, mirrors) in [
        (with(json!(["sagemaker-operator-finalizer"])), false),
        (with(json!(["sagemaker-operator-finalizer", "sagemaker-operator-hpo-trainingjob"])), true),
        (with(json!("sagemaker-operator-hpo-trainingjob")), false),
        (json!({}), false),
        (json!(null), false),
    ] {
        assert_eq!(is_mirror(&document), mirrors, "{document}");
    }
}
