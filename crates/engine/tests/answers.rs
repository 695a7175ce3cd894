//! Answers that are not what the service's model says, and tags that cannot be read: nothing is made, changed or deleted for
//! what they do not show.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::slice::from_ref;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::{Fake, ROLE, fail, hooked, object};
use sagewright_engine::{ApplyOptions, DeleteOptions, NoObserver, Object, Outcome};
use serde_json::{Value, json};

fn model(name: &str) -> Object {
    object(
        "Model",
        name,
        json!({"modelName": name, "executionRoleARN": ROLE, "primaryContainer": {"image": "i", "modelDataURL": "s3://b/m"}}),
    )
}

fn group() -> Object {
    object("ModelPackageGroup", "g", json!({"modelPackageGroupName": "g"}))
}

fn version() -> Object {
    object("ModelPackage", "v", json!({"modelPackageGroupName": "g", "modelPackageDescription": "v"}))
}

/// How often an operation was asked.
fn counter() -> (Arc<AtomicUsize>, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    (Arc::clone(&count), count)
}

#[tokio::test]
async fn an_answer_without_an_arn_makes_nothing_ours() {
    for broken in [json!({}), json!({"ModelName": "m", "ModelArn": ""}), json!({"ModelName": "m", "ModelArn": null})] {
        let (fake, clock, engine) = Fake::new();
        engine.apply(&[model("m")], &ApplyOptions::default(), &NoObserver).await.unwrap();
        fake.edit("model/m", |r| drop(r.tags.insert("sagewright.dev/owner".into(), "prod/default/m".into())));
        let (asked, count) = counter();
        let engine = hooked(&fake, &clock, move |_, operation, _| {
            (operation == "DescribeModel" && count.fetch_add(1, Ordering::SeqCst) == 0).then(|| Ok(broken.clone()))
        });
        let report = engine.delete(&[model("m")], &DeleteOptions::default(), &NoObserver).await.unwrap();
        assert_eq!(report.objects[0].outcome, Outcome::Refused, "{}", report.objects[0].message);
        assert_eq!((fake.count("Model"), asked.load(Ordering::SeqCst) > 1), (1, true));
    }
}

#[tokio::test]
async fn a_listing_without_its_list_does_not_mean_that_nothing_is_there() {
    let broken = [
        json!({}),
        json!({"message": "Service Unavailable"}),
        json!({"ModelPackageSummaryList": null}),
        json!({"ModelPackageSummaryList": "x"}),
        json!({"ModelPackageSummaryList": [null]}),
        json!({"ModelPackageSummaryList": {}}),
    ];
    for broken in broken {
        let (fake, clock, engine) = Fake::new();
        let objects = [group(), version()];
        engine.apply(&objects, &ApplyOptions::default(), &NoObserver).await.unwrap();
        let (_, count) = counter();
        let answer = broken.clone();
        let engine = hooked(&fake, &clock, move |_, operation, _| {
            let first = operation == "ListModelPackages" && count.fetch_add(1, Ordering::SeqCst) == 0;
            first.then(|| Ok(answer.clone()))
        });
        let report = engine.apply(&objects, &ApplyOptions::default(), &NoObserver).await.unwrap();
        assert!(report.objects.iter().all(|o| o.outcome == Outcome::Unchanged), "{broken}: {report:#?}");
        assert_eq!(fake.count("ModelPackage"), 1, "{broken}");
    }
}

#[tokio::test]
async fn what_vanishes_before_its_tags_are_read_is_gone() {
    let (fake, clock, engine) = Fake::new();
    engine.apply(&[model("m")], &ApplyOptions::default(), &NoObserver).await.unwrap();
    let inner = Arc::clone(&fake);
    let engine = hooked(&fake, &clock, move |_, operation, _| {
        if operation == "ListTags" && inner.count("Model") == 1 {
            inner.peek("DeleteModel", &json!({"ModelName": "m"})).unwrap();
        }
        None
    });
    let report = engine.delete(&[model("m")], &DeleteOptions::default(), &NoObserver).await.unwrap();
    assert!(report.is_ok(), "{}", report.objects[0].message);
}

#[tokio::test]
async fn tags_that_cannot_be_found_are_not_taken_for_none() {
    let (fake, clock, engine) = Fake::new();
    engine.apply(&[model("m")], &ApplyOptions::default(), &NoObserver).await.unwrap();
    fake.edit("model/m", |r| drop(r.tags.insert("sagewright.dev/owner".into(), "prod/default/m".into())));
    let (_, count) = counter();
    let engine = hooked(&fake, &clock, move |_, operation, _| {
        let first = operation == "ListTags" && count.fetch_add(1, Ordering::SeqCst) == 0;
        first.then(|| Err(fail("ValidationException", "The resource does not exist.")))
    });
    let mut adopting = model("m");
    adopting.metadata.annotations.insert("services.k8s.aws/adoption-policy".into(), "adopt-or-create".into());
    let report = engine.apply(from_ref(&adopting), &ApplyOptions::default(), &NoObserver).await.unwrap();
    assert_eq!(report.objects[0].outcome, Outcome::Refused, "{}", report.objects[0].message);
    assert_eq!(fake.resource("model/m").unwrap().tags["sagewright.dev/owner"], "prod/default/m");
}

#[tokio::test]
async fn what_is_adopted_as_it_is_is_as_declared() {
    let (fake, _, engine) = Fake::new();
    engine.apply(&[model("m")], &ApplyOptions::default(), &NoObserver).await.unwrap();
    fake.edit("model/m", |r| r.tags.clear());
    let adopting = |image: Value| {
        let mut object = model("m");
        object.metadata.annotations.insert("services.k8s.aws/adoption-policy".into(), "adopt".into());
        object.spec["primaryContainer"]["image"] = image;
        object
    };
    let other = engine.apply(&[adopting(json!("j"))], &ApplyOptions::default(), &NoObserver).await.unwrap();
    let message = &other.objects[0].message;
    assert_eq!(other.objects[0].outcome, Outcome::Refused, "{message}");
    assert!(message.contains("spec.primaryContainer"), "{message}");
    assert!(fake.resource("model/m").unwrap().tags.is_empty(), "nothing is written on what is refused");
    let same = engine.apply(&[adopting(json!("i"))], &ApplyOptions::default(), &NoObserver).await.unwrap();
    assert_eq!(same.objects[0].outcome, Outcome::Adopted, "{}", same.objects[0].message);
}
