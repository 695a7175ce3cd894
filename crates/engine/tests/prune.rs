//! Sets that are applied whole: what they no longer declare is found by its keys, and nothing else is.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::slice::from_ref;

use crate::support::{Fake, ROLE, fail, object, slow_down, tutorial};
use sagewright_engine::{
    Action, ApplyOptions, Claims, Clock as _, DeleteOptions, Engine, NoObserver, Object, Outcome, Report, Selector,
    keys,
};
use serde_json::json;

fn set() -> Selector {
    "app=mnist".parse().unwrap()
}

fn labelled(mut object: Object, app: &str) -> Object {
    object.metadata.labels.insert("app".into(), app.into());
    object
}

fn model(name: &str) -> Object {
    let spec = json!({"modelName": name, "executionRoleARN": ROLE, "primaryContainer": {"image": "i"}});
    labelled(object("Model", name, spec), "mnist")
}

fn annotated(mut object: Object, key: &str, value: &str) -> Object {
    object.metadata.annotations.insert(key.into(), value.into());
    object
}

async fn apply(engine: &Engine, objects: &[Object]) -> Report {
    let report = engine.apply(objects, &ApplyOptions::default(), &NoObserver).await.unwrap();
    assert!(report.is_ok(), "{report:#?}");
    report
}

async fn undeclared(engine: &Engine, declared: &[Object]) -> Vec<String> {
    let found = engine.undeclared(&set(), declared).await.unwrap();
    assert_eq!(found.unknown, Vec::<String>::new());
    found.objects.iter().map(|object| object.id().to_string()).collect()
}

fn tags(fake: &Fake, arn: &str) -> Option<String> {
    fake.resource(arn).unwrap().tags.get(keys::SET).cloned()
}

#[tokio::test]
async fn what_a_set_no_longer_declares_is_found_and_goes_in_order_of_need() {
    let (fake, clock, engine) = Fake::new();
    let engine = engine.for_set(set());
    let objects: Vec<Object> = tutorial().into_iter().map(|object| labelled(object, "mnist")).collect();
    let plan = engine.plan(&objects).await.unwrap();
    let version = plan.objects.iter().find(|p| p.object.kind == "ModelPackage").unwrap();
    assert_eq!(version.decision.notes, ["a prune will not delete it: AWS takes no tags on it"]);
    apply(&engine, &objects).await;
    assert_eq!(tags(&fake, "endpoint/mnist").as_deref(), Some("app=mnist"));
    assert!(undeclared(&engine, &objects).await.is_empty());

    // Young resources, that the tag index may not show yet, and old ones; with the index and without.
    let left = &objects[3..];
    let gone = ["Endpoint mnist", "EndpointConfig mnist-1", "Model mnist-1"];
    for _ in 0..2 {
        assert_eq!(undeclared(&engine, left).await, gone);
        fake.fault("GetResources", fail("AccessDeniedException", "no policy allows tag:GetResources"));
        assert_eq!(undeclared(&engine, left).await, gone);
        clock.sleep(std::time::Duration::from_secs(3600)).await;
    }
    fake.take_log(true);
    let found = engine.undeclared(&set(), left).await.unwrap().objects;
    assert!(fake.take_log(true).is_empty(), "it only reads");
    let plan = engine.plan_delete(&found, &DeleteOptions::default()).await.unwrap();
    assert!(plan.objects.iter().all(|p| p.action() == Action::Delete), "{plan:#?}");
    let order: Vec<String> = plan.objects.iter().map(|p| p.object.id().to_string()).collect();
    assert_eq!(order, gone, "what uses others goes first");
    let report = engine.delete(&found, &DeleteOptions::default(), &NoObserver).await.unwrap();
    assert!(report.is_ok(), "{report:#?}");
    assert_eq!((fake.count("Endpoint"), fake.count("Model"), fake.count("ModelPackageGroup")), (0, 0, 1));
    assert!(undeclared(&engine, left).await.is_empty());
}

#[tokio::test]
async fn nothing_is_found_that_is_not_the_sets_own() {
    let (fake, _, plain) = Fake::new();
    let engine = plain.clone().for_set(set());
    let other = Claims { installation: "other".parse().unwrap(), ..Claims::default() };
    apply(&plain.clone().with_claims(other).for_set(set()), &[model("theirs")]).await;
    apply(&plain.clone().for_set("app=other".parse().unwrap()), &[labelled(model("of-another-set"), "other")]).await;
    apply(&plain, &[model("plain")]).await;
    // The engine of a set marks only what bears the label.
    apply(&engine, &[labelled(model("unlabelled"), "other")]).await;
    apply(&engine, &[annotated(model("retained"), keys::DELETION_POLICY, "retain")]).await;
    apply(&plain, &[object("Model", "theirs-too", model("theirs-too").spec)]).await;
    fake.edit("model/theirs-too", |r| drop(r.tags.remove(keys::OWNER)));
    let adopted = annotated(model("theirs-too"), keys::ADOPTION_POLICY, "adopt");
    apply(&engine, from_ref(&adopted)).await;
    apply(&engine, &[annotated(model("plain"), keys::READ_ONLY, "true")]).await;
    apply(&engine, &[model("mine")]).await;
    let marked: Vec<&str> = ["theirs", "of-another-set", "plain", "unlabelled", "retained", "theirs-too", "mine"]
        .into_iter()
        .filter(|name| tags(&fake, &format!("model/{name}")).is_some())
        .collect();
    assert_eq!(marked, ["theirs", "of-another-set", "mine"]);
    assert_eq!(undeclared(&engine, &[]).await, ["Model mine"]);
}

#[tokio::test]
async fn the_mark_of_a_set_follows_what_is_declared() {
    let (fake, _, plain) = Fake::new();
    let engine = plain.clone().for_set(set());
    // What was applied without the set becomes its own, which the plan shows.
    apply(&plain, &[model("m")]).await;
    let plan = engine.plan(&[model("m")]).await.unwrap();
    assert_eq!(plan.objects[0].decision.changes[0].path, format!("tags.{}", keys::SET));
    let applied = |engine: &Engine, object: Object| {
        let engine = engine.clone();
        async move { apply(&engine, &[object]).await.objects[0].outcome }
    };
    assert_eq!(applied(&engine, model("m")).await, Outcome::Updated);
    assert_eq!(applied(&engine, model("m")).await, Outcome::Unchanged);
    // Who declares something else is told what becomes of it.
    let other = plain.clone().for_set("app=other".parse().unwrap());
    let gone = "it leaves the set app=mnist: no prune deletes it any more";
    let moved = "it leaves the set app=mnist for app=other: a prune of app=mnist no longer deletes it";
    for (engine, object, note) in [
        (&engine, model("m"), None),
        (&plain, model("m"), None),
        (&plain, labelled(model("m"), "other"), Some(gone)),
        (&other, labelled(model("m"), "other"), Some(moved)),
    ] {
        let plan = engine.plan(&[object]).await.unwrap();
        assert_eq!(plan.objects[0].decision.notes, note.into_iter().collect::<Vec<_>>());
    }
    // It stays without the set, for as long as the label does.
    assert_eq!(applied(&plain, model("m")).await, Outcome::Unchanged);
    for change in [
        labelled(model("m"), "other"),
        annotated(model("m"), keys::DELETION_POLICY, "retain"),
        annotated(model("m"), keys::ADOPTION_POLICY, "adopt"),
    ] {
        applied(&engine, model("m")).await;
        assert_eq!(applied(&plain, change).await, Outcome::Updated);
        assert_eq!(tags(&fake, "model/m"), None, "a prune of the set would not delete it any more");
    }
    // Another set takes it over.
    applied(&engine, model("m")).await;
    applied(&other, labelled(model("m"), "other")).await;
    assert_eq!(tags(&fake, "model/m").as_deref(), Some("app=other"));
    assert!(undeclared(&engine, &[]).await.is_empty());
}

#[tokio::test]
async fn what_may_not_be_read_is_told_and_what_cannot_be_read_ends_the_search() {
    let (fake, _, engine) = Fake::new();
    let engine = engine.for_set(set());
    apply(&engine, &[model("m")]).await;
    fake.fault("ListEndpoints", fail("AccessDeniedException", "no policy allows sagemaker:ListEndpoints"));
    let found = engine.undeclared(&set(), &[]).await.unwrap();
    assert_eq!(found.objects.len(), 1);
    assert!(found.unknown[0].starts_with("endpoints in us-east-1 were not looked through: "), "{:?}", found.unknown);
    // What is only slow is asked again.
    fake.fault("ListModels", slow_down());
    assert_eq!(undeclared(&engine, &[]).await, ["Model m"]);
    for _ in 0..50 {
        fake.fault("ListModels", fail("InternalFailure", "not today"));
    }
    assert!(engine.undeclared(&set(), &[]).await.is_err());
}

#[tokio::test]
async fn what_another_command_moved_to_another_set_meanwhile_stays() {
    let (fake, _, engine) = Fake::new();
    let engine = engine.for_set(set());
    apply(&engine, &[model("moved"), model("plain"), model("old")]).await;
    let left = engine.undeclared(&set(), &[]).await.unwrap().objects;
    let options = DeleteOptions { only_of: Some(set()), ..DeleteOptions::default() };
    let shown = engine.plan_delete(&left, &options).await.unwrap();
    assert!(shown.objects.iter().all(|planned| planned.action() == Action::Delete));
    fake.edit("model/moved", |r| drop(r.tags.insert(keys::SET.into(), "app=other".into())));
    fake.edit("model/plain", |r| drop(r.tags.remove(keys::SET)));
    let report = engine.delete_planned(&left, &shown, &options, &NoObserver).await.unwrap();
    let outcome = |name: &str| {
        report.objects.iter().find(|o| o.object.metadata.name == name || o.resource.as_deref() == Some(name)).unwrap()
    };
    for name in ["moved", "plain"] {
        assert_eq!(outcome(name).outcome, Outcome::Retained);
        assert_eq!(outcome(name).message, format!("the model `{name}` no longer belongs to the set app=mnist"));
    }
    assert_eq!(outcome("old").outcome, Outcome::Deleted);
    assert_eq!(fake.count("Model"), 2);
}
