//! What legacy objects stand for.
#![allow(missing_docs, clippy::unwrap_used)]

use sagewright_legacy::{Declared, declare};
use sagewright_objects::check;
use serde_json::{Value, json};

const ROLE: &str = "arn:aws:iam::123456789012:role/sagemaker";
const UID: &str = "1a2b3c4d-0000-4000-8000-0123456789ab";

fn document(kind: &str, spec: Value, status: Value) -> Value {
    let mut spec = spec;
    spec["region"] = json!("us-west-2");
    json!({"apiVersion": "sagemaker.aws.amazon.com/v1", "kind": kind,
        "metadata": {"name": "xgboost-mnist", "namespace": "ml", "uid": UID}, "spec": spec, "status": status})
}

/// What is declared is what the engine takes.
fn declared(kind: &str, spec: Value, status: Value) -> Declared {
    let declared = declare(&document(kind, spec, status)).unwrap();
    check(&declared.objects).unwrap();
    declared
}

fn training() -> Value {
    json!({
        "roleArn": ROLE,
        "sageMakerEndpoint": "https://vpce-1.api.sagemaker.us-west-2.vpce.amazonaws.com",
        "algorithmSpecification": {"trainingImage": "433757028032.dkr.ecr.us-west-2.amazonaws.com/xgboost:1", "trainingInputMode": "File"},
        "outputDataConfig": {"s3OutputPath": "s3://bucket/models"},
        "resourceConfig": {"instanceCount": 1, "instanceType": "ml.m4.xlarge", "volumeSizeInGB": 5},
        "stoppingCondition": {"maxRuntimeInSeconds": 86400},
        "hyperParameters": [{"name": "max_depth", "value": "5"}, {"name": "empty"}],
        "inputDataConfig": [{"channelName": "train", "contentType": "text/csv", "compressionType": "None",
            "dataSource": {"s3DataSource": {"s3DataType": "S3Prefix", "s3Uri": "s3://bucket/train", "s3DataDistributionType": "FullyReplicated"}}}],
        "debugHookConfig": {"s3OutputPath": "s3://bucket/debug", "ruleParameters": [{"name": "save_interval", "value": "1"}]},
        "tags": [{"key": "team", "value": "fraud"}],
    })
}

#[test]
fn a_training_job_has_todays_names_and_maps_for_lists() {
    let Declared { objects, endpoint } = declared("TrainingJob", training(), json!({}));
    assert_eq!(endpoint.as_deref(), Some("https://vpce-1.api.sagemaker.us-west-2.vpce.amazonaws.com"));
    insta::assert_json_snapshot!(objects);
}

#[test]
fn the_resource_that_is_there_keeps_its_name() {
    let name = |spec: Value, status: Value| {
        declared("TrainingJob", spec, status).objects[0].spec["trainingJobName"].as_str().unwrap().to_owned()
    };
    let mut named = training();
    named["trainingJobName"] = json!("mine");
    assert_eq!(name(named.clone(), json!({})), "mine");
    assert_eq!(name(named, json!({"sageMakerTrainingJobName": "theirs"})), "theirs");
    assert_eq!(name(training(), json!({})), "xgboost-mnist-1a2b3c4d0000400080000123456789ab");
}

#[test]
fn letter_case_is_nothing_as_the_published_schema_has_both() {
    let spec = json!({
        "modelName": "m",
        "transformInput": {"dataSource": {"s3DataSource": {"s3DataType": "S3Prefix", "s3Uri": "s3://b/in"}}},
        "transformOutput": {"s3OutputPath": "s3://b/out"},
        "transformResources": {"instanceCount": 1, "instanceType": "ml.m4.xlarge"},
        "dataProcessing": {"inputFilter": "$[1:]", "JoinSource": "Input", "OutputFilter": "$"},
    });
    let object = &declared("BatchTransformJob", spec, json!({})).objects[0];
    assert_eq!(object.kind, "TransformJob");
    assert_eq!(
        object.spec["dataProcessing"],
        json!({"inputFilter": "$[1:]", "joinSource": "Input", "outputFilter": "$"})
    );
}

#[test]
fn a_tuning_job_has_a_name_of_at_most_32_letters() {
    let spec = json!({
        "hyperParameterTuningJobConfig": {"strategy": "Bayesian", "resourceLimits": {"maxNumberOfTrainingJobs": 2, "maxParallelTrainingJobs": 1}},
        "trainingJobDefinition": {"staticHyperParameters": [{"name": "eta", "value": "0.2"}],
            "algorithmSpecification": {"trainingImage": "image", "trainingInputMode": "File"}, "roleArn": ROLE,
            "outputDataConfig": {"s3OutputPath": "s3://b/o"}, "stoppingCondition": {"maxRuntimeInSeconds": 60},
            "resourceConfig": {"instanceCount": 1, "instanceType": "ml.m4.xlarge", "volumeSizeInGB": 5}},
    });
    let object = &declared("HyperparameterTuningJob", spec, json!({})).objects[0];
    assert_eq!(object.spec["hyperParameterTuningJobName"], "1a2b3c4d0000400080000123456789ab");
    assert_eq!(object.spec["trainingJobDefinition"]["staticHyperParameters"], json!({"eta": "0.2"}));
}

fn hosting() -> Value {
    json!({
        "kmsKeyId": "key",
        "productionVariants": [{"variantName": "main", "modelName": "boost", "initialInstanceCount": 1, "instanceType": "ml.c5.large", "initialVariantWeight": 1}],
        "models": [{"name": "boost", "executionRoleArn": ROLE, "primaryContainer": "xgb", "containers": [
            {"containerHostname": "xgb", "modelDataUrl": "s3://b/model.tar.gz", "image": "xgboost:latest", "environment": [{"name": "A", "value": "1"}]}]}],
        "tags": [{"key": "team", "value": "fraud"}],
    })
}

#[test]
fn a_hosting_deployment_is_models_a_config_and_an_endpoint() {
    let Declared { objects, endpoint } = declared("HostingDeployment", hosting(), json!({}));
    assert_eq!(endpoint, None);
    insta::assert_json_snapshot!(objects);
}

#[test]
fn an_edit_makes_new_names_and_taking_it_back_the_old_ones() {
    let names = |spec: Value| -> Vec<Value> {
        let objects = declared("HostingDeployment", spec, json!({})).objects;
        let fields = ["modelName", "endpointConfigName", "endpointName"];
        objects.iter().zip(fields).map(|(object, field)| object.spec[field].clone()).collect()
    };
    let before = names(hosting());
    let mut edited = hosting();
    edited["models"][0]["containers"][0]["modelDataUrl"] = json!("s3://b/other.tar.gz");
    let after = names(edited);
    assert_ne!(before[0], after[0]);
    assert_ne!(before[1], after[1], "another model makes another config");
    assert_eq!(before[2], after[2], "the endpoint is updated");
    assert_eq!(names(hosting()), before);
}

#[test]
fn what_a_live_deployment_serves_keeps_its_names() {
    let status =
        json!({"endpointName": "e", "endpointConfigName": "c", "modelNames": [{"name": "boost", "value": "m"}]});
    let objects = declared("HostingDeployment", hosting(), status).objects;
    assert_eq!(objects[0].spec["modelName"], "m");
    assert_eq!(objects[1].spec["productionVariants"][0]["modelName"], "m");
    assert_eq!(
        (&objects[1].spec["endpointConfigName"], &objects[2].spec["endpointConfigName"]),
        (&json!("c"), &json!("c"))
    );
    assert_eq!(objects[2].spec["endpointName"], "e");
}

#[test]
fn several_containers_are_all_served() {
    let mut spec = hosting();
    let second = json!({"containerHostname": "other", "image": "other:1"});
    spec["models"][0]["containers"].as_array_mut().unwrap().push(second);
    let model = declared("HostingDeployment", spec, json!({})).objects.remove(0);
    assert_eq!(model.spec["containers"].as_array().unwrap().len(), 2);
    assert!(model.spec.get("primaryContainer").is_none());
}

#[test]
fn what_an_update_retains_is_the_endpoints() {
    let mut spec = hosting();
    spec["retainAllVariantProperties"] = json!(true);
    spec["excludeRetainedVariantProperties"] = json!([{"variantPropertyType": "DesiredWeight"}]);
    let endpoint = declared("HostingDeployment", spec.clone(), json!({})).objects.remove(2);
    for field in ["retainAllVariantProperties", "excludeRetainedVariantProperties"] {
        assert_eq!(endpoint.spec[field], spec[field]);
    }
}

#[test]
fn a_policy_is_a_target_and_a_policy_for_each_variant() {
    let spec = json!({
        "resourceId": [{"endpointName": "e", "variantName": "a"}, {"endpointName": "e", "variantName": "b"}],
        "minCapacity": 1, "maxCapacity": 2, "suspendedState": {"dynamicScalingInSuspended": true},
        "targetTrackingScalingPolicyConfiguration": {"targetValue": 60, "scaleInCooldown": 700, "customizedMetricSpecification": {
            "metricName": "CPUUtilization", "namespace": "/aws/sagemaker/Endpoints", "statistic": "Average", "unit": "Percent",
            "dimensions": [{"name": "EndpointName", "value": "e"}]}},
    });
    insta::assert_json_snapshot!(declared("HostingAutoscalingPolicy", spec, json!({})).objects);
}

#[test]
fn what_cannot_be_meant_is_refused_with_its_place() {
    let refusal = |kind: &str, spec: Value| declare(&document(kind, spec, json!({}))).unwrap_err().to_string();
    let edited = |path: &str, value: Value| {
        let mut spec = hosting();
        *spec.pointer_mut(path).unwrap() = value;
        refusal("HostingDeployment", spec)
    };
    let cases = [
        refusal("TrainingJob", json!({"roleARN": ROLE, "colour": "red", "resourceConfig": {"size": 1}})),
        edited("/productionVariants/0/modelName", json!("other")),
        edited("/models/0/primaryContainer", json!("other")),
        edited("/models/0/containers", json!([])),
        edited("/models/0/containers", json!([{"containerHostname": "a"}, {"containerHostname": "a"}])),
        edited("/models", json!([hosting()["models"][0].clone(), hosting()["models"][0].clone()])),
        refusal("HostingAutoscalingPolicy", json!({"resourceId": []})),
        refusal("HostingAutoscalingPolicy", json!({"resourceId": [{"endpointName": "e"}]})),
        refusal("Notebook", json!({})),
        declare(
            &json!({"apiVersion": "sagemaker.services.k8s.aws/v1alpha1", "kind": "Model", "metadata": {"name": "m"}}),
        )
        .unwrap_err()
        .to_string(),
        declare(&json!({"apiVersion": "sagemaker.aws.amazon.com/v1", "kind": "Model", "metadata": {"name": "m"}}))
            .unwrap_err()
            .to_string(),
    ];
    insta::assert_snapshot!(cases.join("\n"));
}
