//! Wrong manifests: file, line and field are the caller's; here is what it gets to show.
#![allow(clippy::unwrap_used, clippy::panic)]

use crate::support::{Fake, ROLE, object, training_job, tutorial};
use sagewright_engine::{EngineError, GraphError, KNOWN_AFTER_APPLY, Object, Step, check, plan_offline};
use serde_json::{Value, json};

fn errors(objects: &[Object]) -> Vec<String> {
    let errors = check(objects).err().unwrap_or_default();
    errors.iter().map(ToString::to_string).collect()
}

fn changed(change: impl FnOnce(&mut Value)) -> Object {
    let mut job = training_job("mnist");
    change(&mut job.spec);
    job
}

#[test]
fn right_manifests_pass() {
    assert_eq!(errors(&tutorial()), Vec::<String>::new());
}

#[test]
fn every_slip_is_told_on_its_field() {
    let mut wrong_kind = training_job("a");
    wrong_kind.kind = "TrainingJbo".into();
    let mut wrong_version = training_job("b");
    wrong_version.api_version = "sagemaker.services.k8s.aws/v1".into();
    let slips = vec![
        wrong_kind,
        wrong_version,
        changed(|s| s["roleArn"] = json!(ROLE)),
        changed(|s| s["resourceConfig"]["instanceTyp"] = json!("x")),
        changed(|s| s["inputDataConfig"][1]["dataSource"]["s3DataSource"]["s3Uri"] = json!("x")),
        changed(|s| s["resourceConfig"]["instanceType"] = json!("ml.m5.larg")),
        changed(|s| s["algorithmSpecification"]["trainingInputMode"] = json!("Files")),
        changed(|s| s["hyperParameters"]["num_round"] = json!(10)),
        changed(|s| s["resourceConfig"]["instanceCount"] = json!("two")),
        changed(|s| s["inputDataConfig"] = json!({"channelName": "x"})),
        changed(|s| s["trainingJobName"] = json!("bad name")),
        changed(|s| s["roleARN"] = json!("notarn")),
        changed(|s| {
            s.as_object_mut().unwrap().shift_remove("outputDataConfig");
            s["resourceConfig"]["volumeSizeInGB"] = json!(-1);
        }),
        object("EndpointConfig", "c", json!({"endpointConfigName": "c", "productionVariants": []})),
        object("Endpoint", "e", json!({"endpointName": "e"})),
        object(
            "Endpoint",
            "e",
            json!({"endpointName": "e", "endpointConfigName": "c", "endpointConfigRef": {"from": {"name": "c"}}}),
        ),
        object("Endpoint", "e", json!({"endpointName": "e", "endpointConfigRef": {"form": {"name": "c"}}})),
        object("Endpoint", "e", json!({"endpointName": "e", "endpointConfigRef": {"from": {}}})),
        object("Endpoint", "e", json!({"endpointName": "e", "endpointConfgRef": {"from": {"name": "c"}}})),
        object(
            "ScalableTarget",
            "t",
            json!({"serviceNamespace": "sagemaker", "scalableDimension": "sagemaker:variant:DesiredInstanceCount",
            "resourceIDRef": {"from": {"name": "e", "kind": "Model"}}, "roleRef": {"from": {"name": "r"}}}),
        ),
        object("Pipeline", "p", json!({"pipelineName": "p", "roleARN": ROLE, "pipelineDefinition": "{not json"})),
        object("ModelPackage", "m", json!({"modelApprovalStatus": "Approved"})),
        object(
            "ModelPackage",
            "m",
            json!({"modelPackageGroupName": "g",
            "modelCard": {"modelCardContent": "no card", "modelCardStatus": "Draft"}}),
        ),
        object("ModelPackage", "m", json!({"modelPackageGroupName": "g", "tags": [{"key": "a", "value": "b"}]})),
    ];
    insta::assert_yaml_snapshot!(errors(&slips));
}

#[test]
fn a_path_names_the_place_in_the_document() {
    let job = changed(|s| s["inputDataConfig"][1]["dataSource"]["s3DataSource"]["s3DataType"] = json!("Folder"));
    let error = &check(&[training_job("fine"), job]).unwrap_err()[0];
    assert_eq!(error.index, 1);
    let path = serde_json::to_value(&error.path).unwrap();
    assert_eq!(path, json!(["spec", "inputDataConfig", 1, "dataSource", "s3DataSource", "s3DataType"]));
    assert_eq!(error.expected.as_deref().map(|e| e.starts_with("one of ")), Some(true));
}

#[test]
fn annotations_that_would_not_be_heeded_are_told() {
    let with = |key: &str, value: &str| {
        let mut job = training_job("mnist");
        job.metadata.annotations.insert(format!("services.k8s.aws/{key}"), value.to_owned());
        errors(&[job])
    };
    for (key, value, expected) in [
        ("deletion-policy", "Retain", "delete or retain"),
        ("adoption-policy", "adopt-and-create", "adopt or adopt-or-create"),
        ("read-only", "yes", "true or false"),
        ("region", "Frankfurt", "us-east-1"),
        ("adoption-fields", "trainingJobName=x", "JSON"),
        ("adoption-fields", "{\"trainingjobname\": \"x\"}", "trainingJobName"),
    ] {
        let told = with(key, value);
        assert_eq!(told.len(), 1, "{key}: {told:?}");
        assert!(told[0].contains(&format!("metadata.annotations.services.k8s.aws/{key}")), "{}", told[0]);
        assert!(told[0].contains(expected), "{}", told[0]);
    }
    for (key, value) in [
        ("deletion-policy", "retain"),
        ("adoption-policy", "adopt"),
        ("read-only", "True"),
        ("region", "eu-central-1"),
        ("adoption-fields", "{\"trainingJobName\": \"mnist\"}"),
        ("adoption-fields", "{\"arn\": \"arn:aws:sagemaker:eu-west-1:123456789012:training-job/mnist\"}"),
        ("adopted", "true"),
    ] {
        assert_eq!(with(key, value), Vec::<String>::new(), "{key}: {value}");
    }
}

#[test]
fn a_name_that_kubernetes_or_a_tag_cannot_hold_is_told() {
    let named = |name: &str, namespace: Option<&str>| {
        let mut job = training_job("mnist");
        job.metadata.name = name.into();
        job.metadata.namespace = namespace.map(str::to_owned);
        errors(&[job])
    };
    assert_eq!(named("my-job.2", Some("team-a")), Vec::<String>::new());
    // With a namespace of 7 letters, 215 are left of the 222 that a tag has room for.
    assert_eq!(named(&"x".repeat(215), None), Vec::<String>::new());
    for (length, expected) in [(216, "a shorter one"), (253, "a shorter one"), (254, "at most 253 lower-case")] {
        let told = named(&"x".repeat(length), None);
        assert!(matches!(&told[..], [one] if one.contains(expected)), "{length}: {told:?}");
    }
    for (told, field) in [
        (named("my#job", None), "metadata.name"),
        (named("My_Job", None), "metadata.name"),
        (named("job-", None), "metadata.name"),
        (named("a..b", None), "metadata.name"),
        (named("job", Some("a.b")), "metadata.namespace"),
        (named("job", Some(&"n".repeat(64))), "metadata.namespace"),
        (named(&"x".repeat(250), None), "metadata.name"),
        (named("job", Some("a]b")), "metadata.namespace"),
    ] {
        assert!(matches!(&told[..], [one] if one.contains(&format!("{field}: "))), "{told:?}");
    }
}

#[test]
fn tags_leave_room_for_the_marks_and_do_not_forge_them() {
    let forged =
        changed(|s| s["tags"] = json!([{"key": "a", "value": "b"}, {"key": "sagewright.dev/owner", "value": "x/y"}]));
    let told = errors(&[forged]);
    assert!(matches!(&told[..], [one] if one.contains("spec.tags[1].key") && one.contains("Sagewright")), "{told:?}");
    let tags = |n: usize| (0..n).map(|i| json!({"key": format!("k{i}"), "value": ""})).collect::<Value>();
    assert_eq!(errors(&[changed(|s| s["tags"] = tags(47))]), Vec::<String>::new());
    for many in [48, 50] {
        let told = errors(&[changed(|s| s["tags"] = tags(many))]);
        assert!(matches!(&told[..], [one] if one.contains("spec.tags:") && one.contains("at most 47")), "{told:?}");
    }
    // An inference component remembers its last update and what was declared for autoscaling besides.
    let component = |n: usize| {
        let spec = json!({"inferenceComponentName": "ic", "endpointName": "e", "tags": tags(n)});
        errors(&[object("InferenceComponent", "ic", spec)])
    };
    assert_eq!(component(45), Vec::<String>::new());
    let told = component(46);
    assert!(matches!(&told[..], [one] if one.contains("at most 45")), "{told:?}");
    let mut package = tutorial().remove(3);
    package.spec["customerMetadataProperties"] = json!({"sagewright.dev/owner": "x/y"});
    assert_eq!(errors(&[package]).len(), 1);
}

#[test]
fn a_description_leaves_room_for_the_mark_at_its_end() {
    let run = |length: usize| {
        let spec = json!({"pipelineName": "p", "pipelineExecutionDescription": "x".repeat(length)});
        errors(&[object("PipelineExecution", "run", spec)])
    };
    // AWS takes 3,072; `[sagewright.dev/owner=` INSTALLATION `/default/run]` and a space before it take 68 at most.
    assert_eq!(run(3004), Vec::<String>::new());
    for length in [3005, 3072] {
        let told = run(length);
        assert!(matches!(&told[..], [one] if one.contains("at most 3004 characters")), "{told:?}");
    }
    // What AWS itself refuses is told as that.
    let told = run(3073);
    assert!(matches!(&told[..], [one] if one.contains("3072") && !one.contains("leave no room")), "{told:?}");
}

#[test]
fn adoption_fields_are_those_that_the_kind_is_known_by() {
    let arn = "arn:aws:sagemaker:us-east-1:123456789012:endpoint/e";
    let dimension = "sagemaker:variant:DesiredInstanceCount";
    // (kind, spec, fields, what is told)
    let cases = [
        ("Endpoint", json!({}), json!({"endpointName": "e"}), ""),
        ("Endpoint", json!({"endpointName": "e"}), json!({"endpointName": "e"}), ""),
        ("Endpoint", json!({}), json!({"arn": arn}), ""),
        ("Endpoint", json!({"endpointName": "E"}), json!({"arn": arn}), ""),
        ("Endpoint", json!({}), json!({"endpointConfigName": "c"}), "`endpointConfigName` does not say which endpoint"),
        ("Endpoint", json!({}), json!({"endpointname": "e"}), "did you mean `endpointName`?"),
        ("Endpoint", json!({}), json!({"endpointName": 7}), "`endpointName` has no text"),
        ("Endpoint", json!({}), json!({"endpointName": ""}), "`endpointName` has no text"),
        ("Endpoint", json!({}), json!({"arn": "endpoint/e"}), "`endpoint/e` is no ARN"),
        ("Endpoint", json!({}), json!({}), "this does not say which endpoint: `endpointName` is missing"),
        ("Endpoint", json!({"endpointName": "x"}), json!({"endpointName": "e"}), "spec.endpointName is `x`"),
        ("Endpoint", json!({"endpointName": "x"}), json!({"arn": arn}), "`arn` says `e`, and spec.endpointName is `x`"),
        ("ModelPackage", json!({}), json!({"arn": "arn:aws:sagemaker:us-east-1:123456789012:model-package/g/1"}), ""),
        ("ModelPackage", json!({}), json!({"modelPackageName": "p"}), ""),
        ("ModelPackage", json!({}), json!({"modelPackageGroupName": "g"}), "this does not say which model package"),
        ("PipelineExecution", json!({}), json!({"pipelineName": "p"}), "this does not say which pipeline execution"),
        (
            "ScalableTarget",
            json!({}),
            json!({"serviceNamespace": "sagemaker", "resourceID": "endpoint/e/variant/v"}),
            "`scalableDimension` is missing",
        ),
        (
            "ScalableTarget",
            json!({"scalableDimension": dimension}),
            json!({"serviceNamespace": "sagemaker", "resourceID": "endpoint/e/variant/v"}),
            "",
        ),
        ("ScalableTarget", json!({}), json!({"arn": arn}), "`arn` does not say which scalable target"),
    ];
    for (kind, spec, fields, expected) in cases {
        let mut adopted = object(kind, "mine", spec);
        adopted.metadata.annotations.insert("services.k8s.aws/adoption-policy".into(), "adopt".into());
        adopted.metadata.annotations.insert("services.k8s.aws/adoption-fields".into(), fields.to_string());
        let told = errors(&[adopted]);
        if expected.is_empty() {
            assert_eq!(told, Vec::<String>::new(), "{kind} {fields}");
        } else {
            assert!(matches!(&told[..], [one] if one.contains(expected)), "{kind} {fields}: {told:?}");
            assert!(told[0].contains("adoption-fields"), "{told:?}");
        }
    }
}

#[test]
fn documents_that_are_no_objects_say_why() {
    let message = |v: Value| Object::from_value(v).unwrap_err().message;
    assert!(message(json!([])).contains("a manifest is a map"));
    assert!(message(json!({"kind": "Model"})).contains("`apiVersion` is missing"));
    assert!(
        message(json!({"apiVersion": "a", "kind": "Model", "metadata": {}})).contains("`metadata.name` is missing")
    );
    assert!(message(json!({"apiVersion": "a", "kind": "M", "metadata": {"name": "m"}, "spec": 1})).contains("`spec`"));
    let document = json!({"apiVersion": "a", "kind": "M", "metadata": {"name": "m", "uid": "u", "labels": {"a": "b"}}});
    assert_eq!(Object::from_value(document.clone()).unwrap().to_value(), document);
}

#[tokio::test]
async fn nothing_is_called_when_one_manifest_is_wrong() {
    let (fake, _, engine) = Fake::new();
    let mut objects = tutorial();
    objects.push(changed(|s| s["roleARN"] = json!("notarn")));
    let result = engine.apply(&objects, &Default::default(), &sagewright_engine::NoObserver).await;
    assert!(matches!(result, Err(EngineError::Manifest(_))));
    assert!(fake.take_log(false).is_empty());
}

#[test]
fn circles_and_twins_are_told() {
    let tuning = |name: &str, parent: &str| {
        object(
            "HyperParameterTuningJob",
            name,
            json!({"hyperParameterTuningJobName": name,
            "hyperParameterTuningJobConfig": {"strategy": "Random", "resourceLimits": {"maxParallelTrainingJobs": 1}},
            "warmStartConfig": {"warmStartType": "IdenticalDataAndAlgorithm",
                "parentHyperParameterTuningJobs": [{"hyperParameterTuningJobRef": {"from": {"name": parent}}}]}}),
        )
    };
    let error = plan_offline(&[tuning("a", "b"), tuning("b", "c"), tuning("c", "a")]).unwrap_err();
    let text = error.to_string();
    assert!(matches!(&error, EngineError::Graph(list) if matches!(list[..], [GraphError::Cycle(_)])));
    assert!(text.contains("HyperParameterTuningJob a → HyperParameterTuningJob b"), "{text}");
    let error = plan_offline(&[training_job("a"), training_job("a")]).unwrap_err();
    assert!(error.to_string().contains("TrainingJob a is declared twice"));
}

#[test]
fn two_objects_of_one_resource_are_told() {
    let mut copy = training_job("mnist");
    copy.metadata.name = "copy".into();
    let Err(EngineError::Manifest(told)) = plan_offline(&[training_job("mnist"), copy.clone()]) else { panic!() };
    assert_eq!((told.len(), told[0].index, told[0].path.to_string().as_str()), (1, 1, "spec.trainingJobName"));
    assert!(told[0].message.contains("TrainingJob mnist"), "{}", told[0]);
    // In another region it is another resource, and a second object may read the first one's.
    let mut elsewhere = copy.clone();
    elsewhere.metadata.annotations.insert("services.k8s.aws/region".into(), "eu-west-1".into());
    assert!(plan_offline(&[training_job("mnist"), elsewhere]).is_ok());
    copy.metadata.annotations.insert("services.k8s.aws/read-only".into(), "true".into());
    assert!(plan_offline(&[training_job("mnist"), copy]).is_ok());
}

#[test]
fn a_plan_without_a_cloud_shows_what_only_aws_can_tell() {
    let plan = plan_offline(&tutorial()).unwrap();
    let kinds: Vec<&str> = plan.objects.iter().map(|p| p.object.kind.as_str()).collect();
    assert_eq!(kinds, ["ModelPackageGroup", "TrainingJob", "ModelPackage", "Model", "EndpointConfig", "Endpoint"]);
    let package = &plan.objects[2];
    let [Step::Create { input, .. }] = &package.decision.steps[..] else { unreachable!() };
    assert_eq!(input["ModelPackageGroupName"], "mnist", "a declared name is known");
    assert_eq!(input["InferenceSpecification"]["Containers"][0]["ModelDataUrl"], KNOWN_AFTER_APPLY);
    assert_eq!(package.after.len(), 2);
}

#[test]
fn plain_names_order_objects_as_references_do() {
    let mut objects = tutorial();
    objects[0].spec = json!({"endpointName": "mnist", "endpointConfigName": "mnist-1"});
    objects[1].spec["productionVariants"][0] = json!({"variantName": "main", "modelName": "mnist-1",
        "instanceType": "ml.m5.large", "initialInstanceCount": 1});
    let plan = plan_offline(&objects).unwrap();
    let kinds: Vec<&str> = plan.objects.iter().map(|p| p.object.kind.as_str()).collect();
    assert_eq!(kinds[3..], ["Model", "EndpointConfig", "Endpoint"]);
}
