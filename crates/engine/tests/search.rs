//! What is an object's own is found by its mark, wherever it is and whatever the object remembers.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::slice::from_ref;
use std::sync::Arc;
use std::time::Duration;

use crate::support::{Fake, Modelled, ROLE, TestClock, declared, fail, hooked, object, spec};
use sagewright_engine::{
    ApplyOptions, Clock as _, CloudError, DeleteOptions, Engine, NoObserver, Object, ObjectReport, Outcome, Stage,
};
use sagewright_kinds::find;
use serde_json::{Value, json};

const HERE: &str = "arn:aws:sagemaker:us-east-1:123456789012";

fn model(object_name: &str, name: &str) -> Object {
    object(
        "Model",
        object_name,
        json!({"modelName": name, "executionRoleARN": ROLE, "primaryContainer": {"image": "i", "modelDataURL": "s3://b/m"}}),
    )
}

fn pipeline() -> Object {
    object(
        "Pipeline",
        "p",
        json!({"pipelineName": "p", "roleARN": ROLE, "pipelineDefinition": "{\"Version\": \"2020-12-01\"}"}),
    )
}

fn group() -> Object {
    object("ModelPackageGroup", "g", json!({"modelPackageGroupName": "g"}))
}

/// An execution and a version, of one object's name each.
fn named_by_aws(name: &str) -> [Object; 2] {
    [
        object("PipelineExecution", name, json!({"pipelineName": "p"})),
        object("ModelPackage", name, json!({"modelPackageGroupName": "g", "modelPackageDescription": "v"})),
    ]
}

fn remembering(mut object: Object, arn: &str) -> Object {
    object.status = json!({"ackResourceMetadata": {"arn": arn}});
    object
}

async fn apply(engine: &Engine, objects: &[Object]) -> Vec<ObjectReport> {
    engine.apply(objects, &ApplyOptions::default(), &NoObserver).await.unwrap().objects
}

async fn delete(engine: &Engine, object: &Object) -> ObjectReport {
    let report = engine.delete(from_ref(object), &DeleteOptions::default(), &NoObserver).await.unwrap();
    report.objects.into_iter().next().unwrap()
}

async fn set_up(objects: &[Object]) -> (Arc<Fake>, Arc<TestClock>, Engine) {
    let (fake, clock, engine) = Fake::new();
    for report in apply(&engine, objects).await {
        assert!(report.outcome.is_ok(), "{}", report.message);
    }
    fake.take_log(false);
    (fake, clock, engine)
}

fn denied() -> CloudError {
    fail("AccessDeniedException", "not authorized to perform: tag:GetResources")
}

fn calls(log: &[String], operation: &str) -> usize {
    log.iter().filter(|line| line.split(' ').next() == Some(operation)).count()
}

#[tokio::test]
async fn an_arn_that_is_out_of_date_starts_nothing_a_second_time() {
    for (at, kind, stale) in [
        (0, "PipelineExecution", "pipeline/p/execution/zzz"),
        (1, "ModelPackage", "model-package/g/77"),
        // Of another kind, region or account, and no ARN at all.
        (0, "PipelineExecution", "endpoint/p"),
        (1, "ModelPackage", "endpoint/g"),
    ] {
        for prefix in [HERE, "arn:aws:sagemaker:eu-west-1:123456789012", "arn:aws:sagemaker:us-east-1:999999999999", ""]
        {
            let (fake, _, engine) = set_up(&[pipeline(), group()]).await;
            let object = remembering(named_by_aws("run")[at].clone(), &format!("{prefix}:{stale}"));
            for round in 0..4 {
                let report = &apply(&engine, from_ref(&object)).await[0];
                let expected = if round == 0 { Outcome::Created } else { Outcome::Unchanged };
                assert_eq!(report.outcome, expected, "{kind} {prefix}:{stale}: {}", report.message);
            }
            assert_eq!(fake.count(kind), 1, "{kind} {prefix}:{stale}");
            let asked = fake.take_log(false).iter().filter(|call| call.contains("eu-west-1")).count();
            assert_eq!(asked, 0, "nobody in this region is asked for what is in another");
        }
    }
}

#[tokio::test]
async fn what_an_object_remembers_and_owns_is_read_and_not_searched_for() {
    for (at, arn) in [(0, "pipeline/p/execution/000000000001"), (1, "model-package/g/1")] {
        let object = &named_by_aws("run")[at];
        let (fake, _, engine) = set_up(&[pipeline(), group(), object.clone()]).await;
        let report = &apply(&engine, &[remembering(object.clone(), &format!("{HERE}:{arn}"))]).await[0];
        assert_eq!(report.outcome, Outcome::Unchanged, "{}", report.message);
        let log = fake.take_log(false);
        let searches = |line: &String| {
            line.starts_with("GetResources") || (line.starts_with("List") && !line.starts_with("ListTags"))
        };
        assert_eq!(log.iter().filter(|line| searches(line)).collect::<Vec<_>>(), [] as [&String; 0], "{arn}");
    }
}

#[tokio::test]
async fn an_arn_of_what_belongs_to_another_object_starts_nothing_a_second_time() {
    for (at, kind, arn) in
        [(0, "PipelineExecution", "pipeline/p/execution/000000000001"), (1, "ModelPackage", "model-package/g/1")]
    {
        let others = named_by_aws("other")[at].clone();
        let (fake, _, engine) = set_up(&[pipeline(), group(), others]).await;
        let object = remembering(named_by_aws("run")[at].clone(), &format!("{HERE}:{arn}"));
        for _ in 0..4 {
            let report = &apply(&engine, from_ref(&object)).await[0];
            assert!(report.outcome.is_ok(), "{}", report.message);
        }
        assert_eq!(fake.count(kind), 2, "one of the other object and one of this: {kind}");
        // Nor does a delete take the other's.
        delete(&engine, &object).await;
        let others = fake.resource(arn).expect("the other's is there");
        assert_ne!(others.doc["PipelineExecutionStatus"], json!("Stopping"));
    }
}

#[tokio::test]
async fn both_forms_of_a_mark_are_found_and_those_of_other_installations_are_not() {
    for (mark, ours) in [("default/run", true), ("default/default/run", true), ("staging/default/run", false)] {
        // By ARN, with one that is out of date.
        for (at, kind, end) in
            [(0, "PipelineExecution", "p/execution/000000000001"), (1, "ModelPackage", "model-package/g/1")]
        {
            let (fake, _, engine) = set_up(&[pipeline(), group()]).await;
            let object = named_by_aws("run")[at].clone();
            apply(&engine, from_ref(&object)).await;
            fake.edit(end, |r| {
                if kind == "ModelPackage" {
                    r.doc["CustomerMetadataProperties"]["sagewright.dev/owner"] = json!(mark);
                } else {
                    r.doc["PipelineExecutionDescription"] = json!(format!("[sagewright.dev/owner={mark}]"));
                }
            });
            for arn in [end.replace("model-package/", "").replace("1", "7"), String::new()] {
                let object = remembering(object.clone(), &format!("{HERE}:model-package/{arn}"));
                let report = &apply(&engine, &[object]).await[0];
                assert!(report.outcome.is_ok(), "{}", report.message);
                assert_eq!(fake.count(kind), if ours { 1 } else { 2 }, "{mark} {kind}");
            }
        }
        // By name, after a change of it.
        let (fake, _, engine) = set_up(&[model("run", "old")]).await;
        fake.edit("model/old", |r| drop(r.tags.insert("sagewright.dev/owner".into(), mark.into())));
        apply(&engine, &[model("run", "new")]).await;
        assert_eq!(fake.count("Model"), if ours { 1 } else { 2 }, "{mark}");
    }
}

#[tokio::test]
async fn an_arn_that_cannot_be_read_makes_no_second_resource_where_none_is_found() {
    let (fake, clock, _) = set_up(&[pipeline(), group()]).await;
    let engine = hooked(&fake, &clock, |_, operation, input| {
        let foreign = input["PipelineExecutionArn"].as_str().is_some_and(|arn| arn.contains("999999999999"));
        (operation == "DescribePipelineExecution" && foreign)
            .then(|| Err(fail("AccessDeniedException", "User is not authorized")))
    });
    let object =
        remembering(named_by_aws("run")[0].clone(), "arn:aws:sagemaker:us-east-1:999999999999:pipeline/p/execution/a");
    let report = &apply(&engine, from_ref(&object)).await[0];
    assert_eq!(report.outcome, Outcome::Failed, "{}", report.message);
    assert_eq!(fake.count("PipelineExecution"), 0);
    // What is the object's own is found all the same.
    apply(&engine, &named_by_aws("run")[..1]).await;
    assert_eq!(apply(&engine, from_ref(&object)).await[0].outcome, Outcome::Unchanged);
    assert_eq!(fake.count("PipelineExecution"), 1);
}

#[tokio::test]
async fn adopting_what_is_gone_creates_once() {
    let (fake, _, engine) = set_up(&[group()]).await;
    let mut object = named_by_aws("v")[1].clone();
    let annotations = &mut object.metadata.annotations;
    annotations.insert("services.k8s.aws/adoption-policy".into(), "adopt-or-create".into());
    let fields = json!({"arn": format!("{HERE}:model-package/g/77")});
    annotations.insert("services.k8s.aws/adoption-fields".into(), fields.to_string());
    for _ in 0..4 {
        let report = &apply(&engine, from_ref(&object)).await[0];
        assert!(report.outcome.is_ok(), "{}", report.message);
    }
    assert_eq!(fake.count("ModelPackage"), 1);
}

#[tokio::test]
async fn a_renamed_object_has_no_second_resource_whatever_it_remembers() {
    let (fake, _, engine) = set_up(&[model("a", "a-old"), model("b", "b")]).await;
    let renamed = model("a", "a-new");
    for arn in ["model/a-new", "model/a-old", "model/b", "model/gone", "endpoint-config/a-old", ""] {
        let report = &apply(&engine, &[remembering(renamed.clone(), &format!("{HERE}:{arn}"))]).await[0];
        assert_eq!(report.outcome, Outcome::Refused, "{arn}: {}", report.message);
        assert!(report.message.contains("`a-old`"), "{arn}: {}", report.message);
    }
    assert_eq!(fake.count("Model"), 2);
}

#[tokio::test]
async fn a_renamed_resource_is_found_among_many_with_the_index_and_without() {
    let mut objects = vec![model("a", "a-old")];
    objects.extend((0..60).map(|i| model(&format!("m{i}"), &format!("m{i}"))));
    let (fake, clock, engine) = set_up(&objects).await;
    let _ = clock.sleep(Duration::from_secs(3600)).await;
    let renamed = [model("a", "a-new"), model("new", "new"), model("new-2", "new-2")];
    let report = apply(&engine, &renamed).await;
    let outcomes: Vec<Outcome> = report.iter().map(|r| r.outcome).collect();
    assert_eq!(outcomes.iter().filter(|o| **o == Outcome::Refused).count(), 1, "{report:#?}");
    let log = fake.take_log(false);
    // No tags but those of what was found and of what was made.
    assert!(calls(&log, "ListTags") < 8, "{log:#?}");
    let _ = clock.sleep(Duration::from_secs(3600)).await;

    let engine = hooked(&fake, &clock, |_, operation, _| (operation == "GetResources").then(|| Err(denied())));
    let report = apply(&engine, &[model("a", "a-new"), model("new-3", "new-3")]).await;
    assert!(report.iter().any(|r| r.outcome == Outcome::Refused && r.message.contains("a-old")), "{report:#?}");
    assert_eq!(fake.count("Model"), 64);
}

#[tokio::test]
async fn an_index_that_cannot_be_read_is_asked_once_a_run() {
    let error = CloudError { stage: Stage::Transport, status: None, ..fail("ConnectFailed", "no route") };
    for error in [denied(), error, fail("UnknownOperationException", "no such service")] {
        // What may pass is asked for a few times.
        let error_passes = error.stage == Stage::Transport;
        let (fake, clock, _) = set_up(&[]).await;
        let asked = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let counter = Arc::clone(&asked);
        let engine = hooked(&fake, &clock, move |_, operation, _| {
            (operation == "GetResources").then(|| {
                counter.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                Err(error.clone())
            })
        });
        let objects: Vec<Object> = (0..6).map(|i| model(&format!("m{i}"), &format!("m{i}"))).collect();
        assert!(apply(&engine, &objects).await.iter().all(|r| r.outcome == Outcome::Created));
        let most = if error_passes { 3 } else { 1 };
        assert_eq!(asked.load(std::sync::atomic::Ordering::SeqCst), most);
    }
}

#[tokio::test]
async fn many_objects_take_few_calls_of_the_index() {
    let (fake, _, engine) = set_up(&[]).await;
    let objects: Vec<Object> = (0..40).map(|i| model(&format!("m{i}"), &format!("m{i}"))).collect();
    apply(&engine, &objects).await;
    let log = fake.take_log(false);
    assert!((1..=6).contains(&calls(&log, "GetResources")), "{log:#?}");
}

#[tokio::test]
async fn what_the_index_does_not_show_yet_is_found() {
    let (fake, clock, _) = set_up(&[model("a", "a-old")]).await;
    let engine = hooked(&fake, &clock, |_, operation, _| {
        (operation == "GetResources").then(|| Ok(json!({"ResourceTagMappingList": [], "PaginationToken": ""})))
    });
    assert_eq!(apply(&engine, &[model("a", "a-new")]).await[0].outcome, Outcome::Refused);
}

#[tokio::test]
async fn what_the_index_still_shows_is_looked_at() {
    let ghosts = |values: &[(&str, &str)]| -> Value {
        let items = values.iter().map(|(arn, owner)| {
            json!({"ResourceARN": format!("{HERE}:{arn}"), "Tags": [{"Key": "sagewright.dev/owner", "Value": owner}]})
        });
        json!({"ResourceTagMappingList": items.collect::<Vec<_>>(), "PaginationToken": ""})
    };
    let (fake, clock, _) = set_up(&[model("b", "taken")]).await;
    let answer = ghosts(&[("model/gone", "default/a"), ("model/taken", "default/default/a"), ("model/a", "default/a")]);
    let engine =
        hooked(&fake, &clock, move |_, operation, _| (operation == "GetResources").then(|| Ok(answer.clone())));
    assert_eq!(apply(&engine, &[model("a", "a")]).await[0].outcome, Outcome::Created);
}

#[tokio::test]
async fn a_renamed_resource_whose_arn_is_in_lower_case_is_found() {
    let (fake, clock, _) = set_up(&[model("a", "Old")]).await;
    let _ = clock.sleep(Duration::from_secs(3600)).await;
    let answer = json!({"ResourceTagMappingList": [{"ResourceARN": format!("{HERE}:model/old"),
        "Tags": [{"Key": "sagewright.dev/owner", "Value": "default/default/a"}]}]});
    let engine =
        hooked(&fake, &clock, move |_, operation, _| (operation == "GetResources").then(|| Ok(answer.clone())));
    let report = &apply(&engine, &[model("a", "new")]).await[0];
    assert!(report.outcome == Outcome::Refused && report.message.contains("`Old`"), "{}", report.message);
}

#[tokio::test]
async fn to_take_over_a_resource_under_a_new_name_would_be_to_have_two() {
    let (fake, _, engine) = set_up(&[model("a", "a-old"), model("b", "a-new")]).await;
    fake.edit("model/a-new", |r| r.tags.clear());
    let options = ApplyOptions { adopt: true, ..ApplyOptions::default() };
    let report = engine.apply(&[model("a", "a-new")], &options, &NoObserver).await.unwrap();
    assert_eq!(report.objects[0].outcome, Outcome::Refused, "{}", report.objects[0].message);
    assert!(fake.resource("model/a-new").unwrap().tags.is_empty());
}

#[tokio::test]
async fn deleting_a_renamed_object_does_not_pass_for_done() {
    let (fake, _, engine) = set_up(&[model("a", "a-old")]).await;
    // The mark shows whose it is; the file names another one.
    let renamed = model("a", "a-new");
    let report = delete(&engine, &renamed).await;
    assert_eq!(report.outcome, Outcome::Refused, "{}", report.message);
    assert!(report.message.contains("`a-old`") && report.message.contains("spec.modelName"), "{}", report.message);
    assert_eq!(fake.count("Model"), 1);
    // It is to stay.
    let mut retained = renamed.clone();
    retained.metadata.annotations.insert("services.k8s.aws/deletion-policy".into(), "retain".into());
    let report = delete(&engine, &retained).await;
    assert!(report.outcome == Outcome::Retained && report.message.contains("`a-old`"), "{report:?}");
    // The object remembers that it made this one.
    let report = delete(&engine, &remembering(renamed, &format!("{HERE}:model/a-old"))).await;
    assert_eq!((report.outcome, fake.count("Model")), (Outcome::Deleted, 0), "{}", report.message);
    // There is nothing left to find.
    assert!(delete(&engine, &model("a", "a-new")).await.outcome.is_ok());
}

#[tokio::test]
async fn deleting_a_renamed_object_whose_job_has_ended_says_so() {
    let (_, _, engine) = set_up(&[crate::support::training_job("t")]).await;
    let mut renamed = crate::support::training_job("t");
    renamed.spec["trainingJobName"] = json!("t-2");
    let report = delete(&engine, &renamed).await;
    assert!(report.outcome == Outcome::Retained && report.message.contains("`t`"), "{report:?}");
}

#[tokio::test]
async fn an_ordinary_delete_searches_nothing() {
    let (fake, _, engine) = set_up(&[model("a", "a")]).await;
    assert_eq!(delete(&engine, &model("a", "a")).await.outcome, Outcome::Deleted);
    let log = fake.take_log(false);
    assert_eq!(calls(&log, "GetResources") + calls(&log, "ListModels"), 0, "{log:#?}");
}

#[tokio::test]
async fn a_mark_of_the_same_object_on_another_kind_is_not_this_resource() {
    let config = object(
        "EndpointConfig",
        "a",
        json!({"endpointConfigName": "a-old", "productionVariants": [{"variantName": "main", "modelName": "m",
            "instanceType": "ml.m5.large", "initialInstanceCount": 1}]}),
    );
    let (_, _, engine) = set_up(&[config]).await;
    let object = remembering(model("a", "a"), &format!("{HERE}:endpoint-config/a-old"));
    let report = &apply(&engine, &[object]).await[0];
    assert_eq!(report.outcome, Outcome::Created, "{}", report.message);
}

#[tokio::test]
async fn an_object_with_two_resources_that_aws_named_is_told_of_both() {
    let (cloud, _) = Modelled::new();
    let kind = find("Domain").unwrap();
    let made = declared(kind, &spec(kind, 0, &[]));
    // Two commands at the same time: neither saw what the other made.
    cloud.lag(0, i64::MAX / 4, 0);
    for _ in 0..2 {
        let report = cloud.engine().apply(from_ref(&made), &ApplyOptions::default(), &NoObserver).await.unwrap();
        assert_eq!(report.objects[0].outcome, Outcome::Created, "{}", report.objects[0].message);
    }
    cloud.lag(0, 0, 0);
    assert_eq!(cloud.count(), 2);
    cloud.take_writes();
    let plan = cloud.engine().plan(from_ref(&made)).await.unwrap();
    assert!(plan.has_problems());
    let report = cloud.engine().apply(from_ref(&made), &ApplyOptions::default(), &NoObserver).await.unwrap();
    assert_eq!(report.objects[0].outcome, Outcome::Refused);
    for message in [&plan.objects[0].decision.refusal().unwrap().reason, &report.objects[0].message] {
        assert!(cloud.all().iter().all(|(arn, ..)| message.contains(arn)), "{message}");
    }
    assert!(report.objects[0].message.contains("`sagewright delete Domain/d-"), "{}", report.objects[0].message);
    assert!(cloud.take_writes().is_empty());
    // One that is deleted, or on its way, is no second one; and a delete deletes all.
    let report = cloud.engine().delete(from_ref(&made), &DeleteOptions::default(), &NoObserver).await.unwrap();
    assert_eq!((report.objects[0].outcome, cloud.count()), (Outcome::Deleted, 0), "{}", report.objects[0].message);
}
