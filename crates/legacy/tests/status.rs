//! What a legacy object's status shows.
#![allow(missing_docs, clippy::unwrap_used)]

use sagewright_legacy::{Seen, State, find, names_resources, status};
use sagewright_objects::Object;
use serde_json::{Value, json};

const NOW: &str = "2026-11-26T12:00:00Z";

fn object(kind: &str, name: &str, spec: Value, status: Value) -> Object {
    let mut object = Object::new(sagewright_kinds::find(kind).unwrap(), name);
    (object.spec, object.status) = (spec, status);
    object
}

fn of(kind: &str, objects: &[Object]) -> Value {
    let seen: Vec<Seen<'_>> = objects
        .iter()
        .map(|object| Seen { object, name: &object.metadata.name, trouble: "", is_settled: true })
        .collect();
    status(find(kind).unwrap(), "us-west-2", &seen, &Value::Null, NOW, State::Kept)
}

#[test]
fn a_training_job_shows_where_its_model_and_logs_are() {
    let job = object(
        "TrainingJob",
        "mnist",
        json!({"trainingJobName": "mnist-1"}),
        json!({"trainingJobStatus": "Failed", "secondaryStatus": "Failed", "failureReason": "AlgorithmError: no data",
            "modelArtifacts": {"s3ModelArtifacts": "s3://b/mnist-1/output/model.tar.gz"},
            "debugRuleEvaluationStatuses": [{"ruleConfigurationName": "r", "ruleEvaluationJobARN": "arn", "ruleEvaluationStatus": "Error"}]}),
    );
    insta::assert_json_snapshot!(of("TrainingJob", &[job]));
}

#[test]
fn a_tuning_job_counts_errors_and_has_text_for_its_metric() {
    let job = object(
        "HyperParameterTuningJob",
        "tune",
        json!({"hyperParameterTuningJobName": "tune-1"}),
        json!({"hyperParameterTuningJobStatus": "Completed",
            "trainingJobStatusCounters": {"completed": 3, "inProgress": 0, "nonRetryableError": 2, "retryableError": 1, "stopped": 0},
            "bestTrainingJob": {"trainingJobName": "tune-1-001", "trainingJobARN": "arn", "tunedHyperParameters": {"eta": "0.3"},
                "finalHyperParameterTuningJobObjectiveMetric": {"metricName": "validation:error", "value": 0.125}}}),
    );
    insta::assert_json_snapshot!(of("HyperparameterTuningJob", &[job]));
}

#[test]
fn a_deployment_shows_its_parts() {
    let objects = [
        object("Model", "xgboost-mnist-boost", json!({"modelName": "boost-1"}), json!({})),
        object("EndpointConfig", "xgboost-mnist", json!({"endpointConfigName": "c-1"}), json!({})),
        object(
            "Endpoint",
            "xgboost-mnist",
            json!({"endpointName": "e-1"}),
            json!({"endpointStatus": "InService", "ackResourceMetadata": {"arn": "arn:aws:sagemaker:us-west-2:1:endpoint/e-1"},
                "creationTime": "2026-11-26T11:00:00Z",
                "productionVariants": [{"variantName": "main", "currentWeight": 1.0, "desiredWeight": 0.6, "currentInstanceCount": 2,
                    "deployedImages": [{"specifiedImage": "x"}]}]}),
        ),
    ];
    insta::assert_json_snapshot!(of("HostingDeployment", &objects));
}

#[test]
fn a_policy_is_created_when_all_of_it_is() {
    let objects = [
        object("ScalableTarget", "p", json!({"resourceID": "endpoint/e/variant/a"}), json!({})),
        object("ScalingPolicy", "p", json!({"policyName": "mine"}), json!({})),
    ];
    let row = find("HostingAutoscalingPolicy").unwrap();
    let word = |trouble: &str, is_settled: bool| {
        let seen = [
            Seen { object: &objects[0], name: "p", trouble: "", is_settled: true },
            Seen { object: &objects[1], name: "p", trouble, is_settled },
        ];
        status(row, "us-west-2", &seen, &Value::Null, NOW, State::Kept)["hostingAutoscalingPolicyStatus"].clone()
    };
    assert_eq!(
        (word("", true), word("", false), word("refused", false)),
        (json!("Created"), json!("Reconciling"), json!("Error"))
    );
    let shown = of("HostingAutoscalingPolicy", &objects);
    assert_eq!((&shown["policyName"], &shown["resourceIDList"]), (&json!("mine"), &json!(["endpoint/e/variant/a"])));
}

#[test]
fn a_look_that_finds_nothing_new_changes_nothing() {
    let model = object("Model", "m", json!({"modelName": "m-1"}), json!({}));
    let look = |trouble: &str, is_settled: bool, before: &Value, now: &str| {
        let seen = [Seen { object: &model, name: "m", trouble, is_settled }];
        status(find("Model").unwrap(), "us-west-2", &seen, before, now, State::Kept)
    };
    let first = look("", false, &Value::Null, NOW);
    assert_eq!(first["status"], "SynchronizingK8sJobWithSageMaker");
    let second = look("", true, &first, "2026-11-26T12:01:00Z");
    assert_eq!(
        second,
        json!({"status": "Created", "sageMakerModelName": "m-1", "lastUpdateTime": "2026-11-26T12:01:00Z"})
    );
    assert_eq!(look("", true, &second, "2026-11-26T12:02:00Z"), second);
    let failed = look("AccessDenied", false, &second, NOW);
    assert_eq!((&failed["status"], &failed["additional"]), (&json!("Error"), &json!("AccessDenied")));
}

#[test]
fn in_china_addresses_end_otherwise() {
    let row = find("TrainingJob").unwrap();
    let job = object("TrainingJob", "j", json!({"trainingJobName": "j"}), json!({}));
    let seen = [Seen { object: &job, name: "j", trouble: "", is_settled: false }];
    let url = status(row, "cn-north-1", &seen, &Value::Null, NOW, State::Kept)["cloudWatchLogUrl"].clone();
    assert!(url.as_str().unwrap().starts_with("https://cn-north-1.console.amazonaws.cn/cloudwatch/"), "{url}");
}

#[test]
fn what_the_definition_would_drop_is_left_out_and_no_change_is_seen_in_it() {
    let endpoint = object(
        "Endpoint",
        "e",
        json!({"endpointName": "e-1"}),
        json!({"endpointStatus": "InService", "productionVariants": [{"variantName": "main", "currentInstanceCount": 1,
            "currentServerlessConfig": {"maxConcurrency": 5}, "deployedImages": [{"specifiedImage": "x"}]}]}),
    );
    let seen = [Seen { object: &endpoint, name: "e", trouble: "", is_settled: true }];
    let row = find("HostingDeployment").unwrap();
    let first = status(row, "us-west-2", &seen, &Value::Null, NOW, State::Kept);
    assert_eq!(
        first["productionVariants"],
        json!([{"variantName": "main", "currentInstanceCount": 1, "deployedImages": [{"specifiedImage": "x"}]}])
    );
    // The API server gives the status back with what others wrote.
    let mut stored = first.clone();
    stored["sagewright"] = json!({"generation": 1});
    assert_eq!(status(row, "us-west-2", &seen, &stored, "2026-11-26T12:01:00Z", State::Kept), first);
}

#[test]
fn a_refused_declaration_and_a_deletion_are_shown() {
    let row = find("HostingDeployment").unwrap();
    let refused = status(row, "us-west-2", &[], &Value::Null, NOW, State::Refused("spec.models: none"));
    assert_eq!(refused, json!({"additional": "spec.models: none", "lastCheckTime": NOW}));
    let going = status(row, "us-west-2", &[], &refused, NOW, State::Going);
    assert_eq!((&going["endpointStatus"], going.get("additional")), (&json!("Deleting"), None));
}

#[test]
fn a_refused_declaration_keeps_the_names_of_what_was_made() {
    let row = find("HostingDeployment").unwrap();
    let made =
        json!({"endpointName": "e-1", "endpointConfigName": "c-1", "modelNames": [{"name": "boost", "value": "m-1"}]});
    let mut refused = status(row, "us-west-2", &[], &made, NOW, State::Refused("spec.models: none"));
    assert_eq!(refused["additional"], "spec.models: none");
    refused.as_object_mut().unwrap().retain(|field, _| made.get(field).is_some());
    assert_eq!(refused, made);
}

#[test]
fn an_object_whose_status_names_nothing_has_made_nothing() {
    let names = |kind: &str, status: Value| names_resources(&json!({"kind": kind, "status": status}));
    for (kind, status, named) in [
        ("Model", json!({"sageMakerModelName": "m-1"}), true),
        ("Model", json!({"additional": "no such role", "lastUpdateTime": NOW}), false),
        ("HostingDeployment", json!({"endpointConfigName": "c-1"}), true),
        ("HostingDeployment", json!({"modelNames": [{"name": "boost", "value": "m-1"}]}), true),
        ("HostingDeployment", json!({"modelNames": [], "additional": "spec.models: none"}), false),
        ("HostingAutoscalingPolicy", json!({"resourceIDList": ["endpoint/e/variant/v"]}), true),
        ("Model", Value::Null, false),
    ] {
        assert_eq!(names(kind, status.clone()), named, "{kind} {status}");
    }
}
