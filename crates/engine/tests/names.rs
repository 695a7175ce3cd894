//! What a name means: the resource that is asked for or referred to, and never another.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::slice::from_ref;

use crate::support::{Fake, ROLE, fail, hooked, object, slow_down, training_job, tutorial};
use sagewright_engine::{ApplyOptions, DeleteOptions, EngineError, NoObserver, Object, ObjectReport, Outcome};
use sagewright_kinds::find;
use serde_json::{Value, json};

fn model(object_name: &str, name: &str) -> Object {
    object(
        "Model",
        object_name,
        json!({"modelName": name, "executionRoleARN": ROLE, "primaryContainer": {"image": "i", "modelDataURL": "s3://b/m"}}),
    )
}

fn config(name: &str, reference: Value) -> Object {
    object(
        "EndpointConfig",
        name,
        json!({"endpointConfigName": name, "productionVariants": [{"variantName": "main", "modelRef": {"from": reference},
            "instanceType": "ml.m5.large", "initialInstanceCount": 1}]}),
    )
}

fn scalable_target(name: &str, endpoint: &str) -> Object {
    object(
        "ScalableTarget",
        name,
        json!({"serviceNamespace": "sagemaker", "scalableDimension": "sagemaker:variant:DesiredInstanceCount",
        "resourceIDRef": {"from": {"name": endpoint}, "variant": "main"}, "minCapacity": 1, "maxCapacity": 3}),
    )
}

fn pipeline(name: &str) -> Vec<Object> {
    vec![
        object(
            "Pipeline",
            name,
            json!({"pipelineName": name, "roleARN": ROLE, "pipelineDefinition": "{\"Version\": \"2020-12-01\"}"}),
        ),
        object("PipelineExecution", "run", json!({"pipelineRef": {"from": {"name": name}}})),
    ]
}

async fn apply(engine: &sagewright_engine::Engine, objects: &[Object]) -> Vec<ObjectReport> {
    engine.apply(objects, &ApplyOptions::default(), &NoObserver).await.unwrap().objects
}

async fn applied(
    objects: &[Object],
) -> (std::sync::Arc<Fake>, std::sync::Arc<crate::support::TestClock>, sagewright_engine::Engine) {
    let (fake, clock, engine) = Fake::new();
    for report in apply(&engine, objects).await {
        assert!(report.outcome.is_ok(), "{}", report.message);
    }
    fake.take_log(false);
    (fake, clock, engine)
}

#[tokio::test]
async fn the_last_part_of_a_name_that_aws_gave_is_enough_where_one_resource_has_it() {
    let (_, _, engine) = applied(&[pipeline("train"), pipeline("score").drain(..1).collect()].concat()).await;
    let kind = find("PipelineExecution").unwrap();
    let arn = engine.get(kind, None).await.unwrap()[0].arn().unwrap().to_owned();
    let id = arn.rsplit('/').next().unwrap();
    assert_eq!(engine.describe(kind, id).await.unwrap().object.arn(), Some(arn.as_str()));
    assert!(matches!(engine.describe(kind, "ution").await, Err(EngineError::NotFound { .. })));
    let versions = ["a", "b"].map(|group| {
        let group = format!("versions-{group}");
        let of = json!({"modelPackageGroupName": group, "inferenceSpecification": {"containers": [{"image": "i"}],
            "supportedContentTypes": ["text/csv"], "supportedResponseMIMETypes": ["text/csv"]}});
        vec![
            object("ModelPackageGroup", &group, json!({"modelPackageGroupName": group})),
            object("ModelPackage", &group, of),
        ]
    });
    let (_, _, engine) = applied(&versions.concat()).await;
    let got = engine.describe(find("ModelPackage").unwrap(), "1").await;
    let told = got.map(|found| found.resource).unwrap_err().to_string();
    assert!(told.contains("`versions-a/1` and `versions-b/1`"), "{told}");
}

#[tokio::test]
async fn an_arn_of_another_kind_or_account_is_not_the_resource_of_that_name() {
    let (_, _, engine) = applied(&tutorial()).await;
    let kind = find("Model").unwrap();
    for arn in [
        "arn:aws:sagemaker:us-east-1:123456789012:endpoint-config/mnist-1",
        "arn:aws:sagemaker:us-east-1:999999999999:model/mnist-1",
        "arn:aws:sagemaker:eu-west-1:123456789012:model/mnist-1",
    ] {
        let got = engine.get(kind, Some(arn)).await;
        assert!(matches!(got, Err(EngineError::NotFound { .. })), "{arn}: {got:?}");
    }
    let arn = "arn:aws:sagemaker:us-east-1:123456789012:model/mnist-1";
    assert_eq!(engine.get(kind, Some(arn)).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_part_of_a_name_that_several_have_names_none_of_them() {
    let (fake, clock, _) = Fake::new();
    let policy = |endpoint: &str| {
        json!({"PolicyName": "load", "ServiceNamespace": "sagemaker", "ResourceId": format!("endpoint/{endpoint}/variant/main"),
            "ScalableDimension": "sagemaker:variant:DesiredInstanceCount", "PolicyType": "TargetTrackingScaling",
            "PolicyARN": format!("arn:aws:autoscaling:us-east-1:123456789012:scalingPolicy:1:{endpoint}")})
    };
    let engine = hooked(&fake, &clock, move |_, operation, _| {
        (operation == "DescribeScalingPolicies").then(|| Ok(json!({"ScalingPolicies": [policy("a"), policy("b")]})))
    });
    let kind = find("ScalingPolicy").unwrap();
    for name in ["load", "sagemaker"] {
        let error = engine.get(kind, Some(name)).await.unwrap_err().to_string();
        assert!(error.contains("endpoint/a/variant/main") && error.contains("endpoint/b/variant/main"), "{error}");
    }
    let whole = "load sagemaker endpoint/b/variant/main sagemaker:variant:DesiredInstanceCount";
    assert_eq!(engine.get(kind, Some(whole)).await.unwrap()[0].spec["resourceID"], "endpoint/b/variant/main");
    let one = engine.get(kind, Some("endpoint/a/variant/main")).await.unwrap();
    assert_eq!(one[0].spec["resourceID"], "endpoint/a/variant/main");
}

#[tokio::test]
async fn names_that_are_shown_can_be_used() {
    let mut objects = pipeline("p");
    objects.push(object(
        "ModelPackage",
        "plain",
        json!({"modelPackageName": "plain", "modelPackageDescription": "without a group"}),
    ));
    let (_, _, engine) = applied(&objects).await;
    for kind in ["PipelineExecution", "ModelPackage"] {
        let kind = find(kind).unwrap();
        let all = engine.get(kind, None).await.unwrap();
        assert_eq!(all.len(), 1);
        let one = engine.get(kind, Some(&all[0].metadata.name)).await.unwrap();
        assert_eq!(one[0].status["ackResourceMetadata"], all[0].status["ackResourceMetadata"]);
    }
}

#[tokio::test]
async fn what_is_named_by_a_reference_outside_the_set_is_found_to_be_deleted() {
    let mut objects = tutorial();
    objects.push(scalable_target("scale", "mnist"));
    objects.extend(pipeline("p"));
    let (fake, _, engine) = applied(&objects).await;
    let run = objects.pop().unwrap();
    let report =
        engine.delete(&[scalable_target("scale", "mnist"), run], &DeleteOptions::default(), &NoObserver).await.unwrap();
    let outcomes: Vec<Outcome> = report.objects.iter().map(|o| o.outcome).collect();
    assert!(outcomes.contains(&Outcome::Deleted) && outcomes.contains(&Outcome::Retained), "{report:#?}");
    assert_eq!(fake.count("ScalableTarget"), 0);
    // The endpoint may be gone already; its name is known all the same.
    engine.apply(&[scalable_target("scale", "mnist")], &ApplyOptions::default(), &NoObserver).await.unwrap();
    fake.edit("endpoint/mnist", |r| r.gone_at = Some(0));
    engine.delete(&[scalable_target("scale", "mnist")], &DeleteOptions::default(), &NoObserver).await.unwrap();
    assert_eq!(fake.count("ScalableTarget"), 0);
}

#[tokio::test]
async fn an_identity_that_cannot_be_told_is_no_success_of_a_delete() {
    let (_, _, engine) = Fake::new();
    let policy = object(
        "ScalingPolicy",
        "load",
        json!({"policyName": "load", "serviceNamespace": "sagemaker", "policyType": "TargetTrackingScaling",
            "scalableDimension": "sagemaker:variant:DesiredInstanceCount",
            "resourceIDRef": {"from": {"name": "gone", "kind": "ScalableTarget"}}}),
    );
    let report = engine.delete(from_ref(&policy), &DeleteOptions::default(), &NoObserver).await.unwrap();
    assert!(!report.is_ok(), "{report:#?}");
    assert!(report.objects[0].message.contains("ScalableTarget gone"), "{}", report.objects[0].message);
}

#[tokio::test]
async fn a_reference_outside_the_set_means_the_object_and_not_the_name_in_aws() {
    let (fake, _, engine) = applied(&[model("m", "prod-m")]).await;
    apply(&engine, &[config("c", json!({"name": "m"}))]).await;
    let variant = |name: &str| {
        fake.resource(&format!("endpoint-config/{name}")).map(|r| r.doc["ProductionVariants"][0]["ModelName"].clone())
    };
    assert_eq!(variant("c"), Some(json!("prod-m")));
    // Another object's model of that name is not meant, whether or not the object has one.
    let mut other = model("other", "n");
    other.metadata.namespace = Some("dev".into());
    apply(&engine, &[other, model("n", "prod-n")]).await;
    apply(&engine, &[config("d", json!({"name": "n"}))]).await;
    assert_eq!(variant("d"), Some(json!("prod-n")));
    let report = apply(&engine, &[config("e", json!({"name": "n", "namespace": "stage"}))]).await;
    assert_eq!((report[0].outcome, variant("e")), (Outcome::Blocked, None));
    assert!(report[0].message.contains("dev/other"), "{}", report[0].message);
    // A model that nobody owns can be meant by its name.
    fake.edit("model/n", |r| r.tags.clear());
    apply(&engine, &[config("f", json!({"name": "n", "namespace": "stage"}))]).await;
    assert_eq!(variant("f"), Some(json!("n")));
}

#[tokio::test]
async fn a_reference_outside_the_set_finds_a_version_of_a_package() {
    let mut objects = tutorial();
    let (fake, _, engine) = applied(&objects).await;
    let mut second = objects.remove(2);
    second.metadata.name = "mnist-2".into();
    second.spec["modelName"] = json!("mnist-2");
    let report = apply(&engine, &[second]).await;
    assert_eq!(report[0].outcome, Outcome::Created, "{}", report[0].message);
    let arn = "arn:aws:sagemaker:us-east-1:123456789012:model-package/mnist/1";
    assert_eq!(fake.resource("model/mnist-2").unwrap().doc["Containers"][0]["ModelPackageName"], arn);
}

#[tokio::test]
async fn a_referent_at_work_is_to_be_tried_again() {
    let (_, _, engine) = Fake::new();
    let now = ApplyOptions { wait: false, ..ApplyOptions::default() };
    engine.apply(&[training_job("t")], &now, &NoObserver).await.unwrap();
    let package = object(
        "ModelPackage",
        "v",
        json!({"modelPackageName": "v", "inferenceSpecification": {"containers": [{"image": "i", "modelDataRef": {"from": {"name": "t"}}}]}}),
    );
    let report = apply(&engine, &[package]).await;
    assert_eq!(report[0].outcome, Outcome::Blocked);
    assert!(report[0].message.contains("TrainingJob t is in InProgress status"), "{}", report[0].message);
    assert!(matches!(report[0].failure, Some(sagewright_engine::Failure::Retryable(_))), "{:?}", report[0].failure);
}

#[tokio::test]
async fn a_changed_identity_of_several_parts_is_refused_too() {
    let mut objects = tutorial();
    objects.push(scalable_target("scale", "mnist"));
    let (fake, _, engine) = applied(&objects).await;
    let mut moved = scalable_target("scale", "mnist");
    moved.spec["resourceIDRef"]["variant"] = json!("other");
    let report = apply(&engine, from_ref(&moved)).await;
    assert_eq!(report[0].outcome, Outcome::Refused, "{}", report[0].message);
    assert!(report[0].message.contains("endpoint/mnist/variant/main"), "{}", report[0].message);
    assert_eq!(fake.count("ScalableTarget"), 1);
    // The object remembers its resource's ARN, which does not show the name.
    moved.status =
        json!({"ackResourceMetadata": {"arn": fake.resource("variant-main").unwrap().doc["ScalableTargetARN"]}});
    assert_eq!(apply(&engine, &[moved]).await[0].outcome, Outcome::Refused);
}

#[tokio::test]
async fn marks_are_looked_for_in_the_region_of_the_object() {
    let (fake, clock, engine) = Fake::new();
    apply(&engine, &[model("b", "b-old")]).await;
    // The fake is the cloud of eu-west-1; us-east-1 is empty.
    let engine = hooked(&fake, &clock, |target, operation, _| {
        (target.region.to_string() == "us-east-1").then(|| match operation {
            "DescribeModel" => Err(fail("ValidationException", "Could not find model \"a\".")),
            "ListModels" => Ok(json!({"Models": []})),
            _ => Err(fail("AccessDeniedException", "not here")),
        })
    });
    let mut renamed = model("b", "b-new");
    renamed.metadata.annotations.insert("services.k8s.aws/region".into(), "eu-west-1".into());
    let report = apply(&engine, &[model("a", "a"), renamed]).await;
    let of = |name: &str| report.iter().find(|r| r.object.metadata.name == name).unwrap();
    assert_eq!(of("b").outcome, Outcome::Refused, "{}", of("b").message);
    assert_eq!(fake.count("Model"), 1);
}

#[tokio::test]
async fn an_object_that_is_given_another_region_makes_no_second_resource() {
    let (fake, clock, engine) = Fake::new();
    apply(&engine, &[model("pp", "pp")]).await;
    let engine = hooked(&fake, &clock, |target, operation, _| {
        (target.region.to_string() == "eu-west-1").then(|| match operation {
            "DescribeModel" => Err(fail("ValidationException", "Could not find model \"pp\".")),
            "ListModels" => Ok(json!({"Models": []})),
            _ => Err(fail("AccessDeniedException", "not here")),
        })
    });
    let mut moved = model("pp", "pp");
    moved.metadata.annotations.insert("services.k8s.aws/region".into(), "eu-west-1".into());
    let report = apply(&engine, from_ref(&moved)).await;
    assert_eq!(report[0].outcome, Outcome::Refused, "{}", report[0].message);
    assert!(report[0].message.contains("already has the model `pp` in us-east-1"), "{}", report[0].message);
    let report = engine.delete(from_ref(&moved), &DeleteOptions::default(), &NoObserver).await.unwrap().objects;
    assert_eq!(report[0].outcome, Outcome::Refused, "{}", report[0].message);
    assert_eq!(fake.count("Model"), 1);
}

#[tokio::test]
async fn marks_that_cannot_be_read_now_make_no_second_resource() {
    let (fake, clock, engine) = Fake::new();
    apply(&engine, &[model("a", "a-old")]).await;
    let engine = hooked(&fake, &clock, |_, operation, _| (operation == "ListTags").then(|| Err(slow_down())));
    let renamed = model("a", "a-new");
    let mut remembers = renamed.clone();
    remembers.status = json!({"ackResourceMetadata": {"arn": "arn:aws:sagemaker:us-east-1:123456789012:model/a-old"}});
    for object in [renamed, remembers] {
        let report = apply(&engine, &[object]).await;
        assert_eq!(report[0].outcome, Outcome::Failed);
        assert!(report[0].message.contains("Rate exceeded"), "{}", report[0].message);
        assert_eq!(fake.count("Model"), 1);
    }
}

#[tokio::test]
async fn a_listing_without_an_end_does_not_mean_that_nothing_is_there() {
    let objects = tutorial();
    let (fake, clock, _) = applied(&objects).await;
    let engine = hooked(&fake, &clock, |_, operation, _| {
        (operation == "ListModelPackages").then(|| Ok(json!({"ModelPackageSummaryList": [], "NextToken": "more"})))
    });
    let report = apply(&engine, &objects).await;
    let package = report.iter().find(|r| r.object.kind == "ModelPackage").unwrap();
    assert_eq!(package.outcome, Outcome::Failed, "{}", package.message);
    assert!(package.message.contains("list the model packages"), "{}", package.message);
    assert_eq!(fake.count("ModelPackage"), 1);
}

#[tokio::test]
async fn a_listing_that_is_refused_does_not_mean_that_nothing_is_there() {
    let objects = tutorial();
    let (fake, clock, _) = applied(&objects).await;
    let engine = hooked(&fake, &clock, |_, operation, _| {
        (operation == "ListModelPackages").then(|| Err(fail("ValidationException", "Invalid pagination token")))
    });
    let report = apply(&engine, &objects).await;
    let package = report.iter().find(|r| r.object.kind == "ModelPackage").unwrap();
    assert_eq!(package.outcome, Outcome::Failed, "{}", package.message);
    assert_eq!(fake.count("ModelPackage"), 1);
}
