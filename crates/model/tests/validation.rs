//! Validation speaks as AWS does, at every depth.

#![allow(clippy::unwrap_used)]

use sagewright_model::{service, validate};
use serde_json::{Value, json};

fn check(service_id: &str, operation: &str, input: &Value) -> String {
    let service = service(service_id).unwrap();
    match validate(service, service.input(operation).unwrap(), input) {
        Ok(()) => "ok".to_owned(),
        Err(e) => format!("{}: {e}", e.code()),
    }
}

fn training_job() -> Value {
    json!({
        "TrainingJobName": "mnist",
        "AlgorithmSpecification": {"TrainingImage": "1.dkr.ecr.us-east-1.amazonaws.com/x:1", "TrainingInputMode": "File"},
        "RoleArn": "arn:aws:iam::123456789012:role/exec",
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    })
}

fn with(path: &str, value: Value) -> Value {
    let mut job = training_job();
    match path.rsplit_once('/') {
        Some((parent, leaf)) => job.pointer_mut(parent).unwrap()[leaf] = value,
        None => unreachable!(),
    }
    job
}

#[test]
fn a_good_request_passes() {
    assert_eq!(check("sagemaker", "CreateTrainingJob", &training_job()), "ok");
}

#[test]
fn violations_are_told_in_awss_words() {
    let cases = [
        ("/TrainingJobName", json!("bad name!!")),
        ("/TrainingJobName", json!("a".repeat(64))),
        ("/TrainingJobName", Value::Null),
        ("/RoleArn", json!("notarn")),
        ("/ResourceConfig/InstanceCount", json!(-5)),
        ("/ResourceConfig/InstanceCount", json!("abc")),
        ("/ResourceConfig/InstanceCount", json!(1.5)),
        ("/OutputDataConfig", json!([])),
        ("/OutputDataConfig", json!("s3://b")),
        ("/AlgorithmSpecification/TrainingInputMode", json!("Carrier Pigeon")),
        ("/InputDataConfig", json!([])),
        (
            "/InputDataConfig",
            json!([{"ChannelName": "train", "DataSource": {"S3DataSource": {"S3Uri": "s3://b/k", "S3DataType": "S3Prefix"}}}, {"ChannelName": "no good", "DataSource": {}}]),
        ),
        ("/VpcConfig", json!({"SecurityGroupIds": ["sg 1"], "Subnets": ["subnet-1"]})),
        ("/HyperParameters", json!({"k".repeat(300): "v"})),
        ("/Environment", json!({"9bad": "v"})),
    ];
    let told: Vec<_> =
        cases.iter().map(|(p, v)| check("sagemaker", "CreateTrainingJob", &with(p, v.clone()))).collect();
    insta::assert_snapshot!(told.join("\n\n"));
}

#[test]
fn as_many_violations_are_told_as_somebody_reads() {
    let tags: Vec<Value> = (0..50_000).map(|_| json!({})).collect();
    let told = check("sagemaker", "CreateTrainingJob", &with("/Tags", Value::Array(tags)));
    assert!(told.starts_with("ValidationException: ") && told.len() < 1_000_000, "{} bytes", told.len());
    assert!(told.matches("failed to satisfy constraint").count() <= 102, "{told}");
}

#[test]
fn several_violations_are_counted_and_joined() {
    let mut job = with("/TrainingJobName", json!("bad name"));
    job["ResourceConfig"]["VolumeSizeInGB"] = json!(-1);
    let told = check("sagemaker", "CreateTrainingJob", &job);
    assert!(
        told.starts_with("ValidationException: 2 validation errors detected: Value 'bad name' at 'trainingJobName'"),
        "{told}"
    );
    assert!(told.contains("; Value '-1' at 'resourceConfig.volumeSizeInGB' failed to satisfy constraint: "), "{told}");
}

#[test]
fn unknown_members_are_ignored_as_aws_does() {
    assert_eq!(check("sagemaker", "CreateTrainingJob", &with("/Nonsense", json!({"a": 1}))), "ok");
}

#[test]
fn unions_take_exactly_one_member() {
    let input = |source: Value| {
        json!({"ModelName": "m", "ExecutionRoleArn": "arn:aws:iam::123456789012:role/exec",
        "PrimaryContainer": {"Image": "x", "AdditionalModelDataSources": [{"ChannelName": "c", "S3DataSource": source}]}})
    };
    assert_eq!(
        check(
            "sagemaker",
            "CreateModel",
            &input(json!({"S3DataType": "S3Prefix", "CompressionType": "None", "S3Uri": "s3://b/k"}))
        ),
        "ok"
    );
    let union = service("sagemaker").unwrap().shapes.iter().find(|(_, s)| s.union && s.members.len() > 1).unwrap();
    let two: serde_json::Map<_, _> = union.1.members.keys().take(2).map(|m| ((*m).to_owned(), json!({}))).collect();
    for (value, good) in [(json!({}), false), (Value::Object(two), false)] {
        let told = validate(service("sagemaker").unwrap(), union.1, &value).map_err(|e| e.to_string());
        assert_eq!(told.is_ok(), good, "{told:?}");
    }
}
