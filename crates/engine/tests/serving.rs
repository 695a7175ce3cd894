//! What something serves is not deleted by a controller: AWS would delete it.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::Arc;
use std::time::Duration;

use crate::support::*;
use sagewright_engine::reconcile::{Memory, Progress, Reconciled, Scope};
use sagewright_engine::{ApplyOptions, Clock as _, Desired, Engine, Intent, NoObserver, Object, Priority, Target};
use serde_json::json;

/// One look at an object that is to go, or to stay.
async fn look(engine: &Engine, object: &Object, memory: &mut Memory, intent: Intent) -> Reconciled {
    let scope =
        Scope { target: Target::new(REGION.parse().unwrap()), claims: Arc::default(), priority: Priority::default() };
    let mut desired = Desired::new(object.row().unwrap(), object).unwrap();
    desired.intent = intent;
    engine.reconcile(&scope, &desired, memory, &NoReferences).await
}

async fn delete(engine: &Engine, object: &Object, memory: &mut Memory) -> Reconciled {
    look(engine, object, memory, Intent::Absent).await
}

fn config(name: &str) -> Object {
    let variant = json!({"variantName": "main", "modelName": "mnist", "instanceType": "ml.m5.large",
        "initialInstanceCount": 1});
    object("EndpointConfig", name, json!({"endpointConfigName": name, "productionVariants": [variant]}))
}

fn endpoint(name: &str, config: &str) -> Object {
    object("Endpoint", name, json!({"endpointName": name, "endpointConfigName": config}))
}

async fn apply(engine: &Engine, objects: &[Object]) {
    assert!(engine.apply(objects, &ApplyOptions::default(), &NoObserver).await.unwrap().is_ok());
}

#[tokio::test]
async fn a_config_is_deleted_once_no_endpoint_serves_it_or_goes_back_to_it() {
    let (fake, clock, engine) = Fake::new();
    let (v1, v2) = (config("v1"), config("v2"));
    apply(&engine, &[v1.clone(), v2.clone(), endpoint("mnist", "v1")]).await;
    let mut memory = Memory::default();
    let held = delete(&engine, &v1, &mut memory).await;
    assert_eq!((held.progress, fake.count("EndpointConfig")), (Progress::Retry, 2));
    assert_eq!(
        held.message,
        "cannot delete the endpoint config `v1` for now: the endpoint `mnist` uses it; delete the endpoint, or \
         update it to another endpoint config"
    );
    // While the endpoint is on its way, it may still go back.
    let (mut its, changed) = (Memory::default(), endpoint("mnist", "v2"));
    assert_eq!(look(&engine, &changed, &mut its, Intent::Present).await.progress, Progress::Wrote);
    fake.edit("endpoint/mnist", |r| r.doc["PendingDeploymentSummary"] = json!({"EndpointConfigName": "v2"}));
    for (config, name) in [(&v1, "v1"), (&v2, "v2")] {
        clock.sleep(Duration::from_secs(3)).await;
        let held = delete(&engine, config, &mut Memory::default()).await;
        assert_eq!((held.progress, fake.count("EndpointConfig")), (Progress::Retry, 2), "{name}");
    }
    clock.sleep(Duration::from_secs(60)).await;
    fake.edit("endpoint/mnist", |r| drop(r.doc.as_object_mut().unwrap().shift_remove("PendingDeploymentSummary")));
    assert_eq!(delete(&engine, &v1, &mut memory).await.progress, Progress::Wrote);
    assert_eq!(delete(&engine, &v1, &mut memory).await.progress, Progress::Done);
    assert_eq!(fake.count("EndpointConfig"), 1);
}

#[tokio::test]
async fn a_config_goes_after_the_endpoint_that_is_deleted_with_it() {
    let (fake, clock, engine) = Fake::new();
    let (config, endpoint) = (config("v1"), endpoint("mnist", "v1"));
    apply(&engine, &[config.clone(), endpoint.clone()]).await;
    let (mut of_config, mut of_endpoint) = (Memory::default(), Memory::default());
    assert_eq!(delete(&engine, &config, &mut of_config).await.progress, Progress::Retry);
    assert_eq!(delete(&engine, &endpoint, &mut of_endpoint).await.progress, Progress::Wrote);
    clock.sleep(Duration::from_secs(10)).await;
    assert_eq!(delete(&engine, &config, &mut of_config).await.progress, Progress::Wrote);
    assert_eq!(delete(&engine, &config, &mut of_config).await.progress, Progress::Done);
    assert_eq!((fake.count("EndpointConfig"), fake.count("Endpoint")), (0, 0));
}

#[tokio::test]
async fn deletes_share_a_listing_and_read_only_what_has_changed_since() {
    let (fake, clock, engine) = Fake::new();
    let configs: Vec<Object> = (0..6).map(|at| config(&format!("v{at}"))).collect();
    apply(&engine, &configs).await;
    let endpoints: Vec<Object> = (0..5).map(|at| endpoint(&format!("e{at}"), &format!("v{at}"))).collect();
    apply(&engine, &endpoints).await;
    let changed = |at: usize, when: i64| {
        fake.edit(&format!("endpoint/e{at}"), |r| r.doc["LastModifiedTime"] = json!(when));
    };
    (0..5).for_each(|at| changed(at, 1));
    let calls = |operation: &str| fake.take_log(false).iter().filter(|line| line.starts_with(operation)).count();
    fake.take_log(false);
    // Three pages of two; each endpoint is read once.
    assert_eq!(delete(&engine, &configs[0], &mut Memory::default()).await.progress, Progress::Retry);
    let log = fake.take_log(false);
    let count = |operation: &str| log.iter().filter(|line| line.starts_with(operation)).count();
    assert_eq!((count("ListEndpoints "), count("DescribeEndpoint ")), (3, 5), "{log:?}");
    // What was seen to be served a moment ago is.
    assert_eq!(delete(&engine, &configs[1], &mut Memory::default()).await.progress, Progress::Retry);
    assert_eq!(calls("ListEndpoints "), 0);
    // What was not is looked for again, among what has changed.
    changed(2, 2);
    assert_eq!(delete(&engine, &configs[5], &mut Memory::default()).await.progress, Progress::Wrote);
    assert_eq!(calls("DescribeEndpoint "), 1);
    clock.sleep(Duration::from_secs(60)).await;
    assert_eq!(delete(&engine, &configs[4], &mut Memory::default()).await.progress, Progress::Retry);
    assert_eq!(calls("ListEndpoints "), 3);
}

#[tokio::test]
async fn nothing_is_deleted_while_it_is_not_known_what_serves_it() {
    let (fake, _, engine) = Fake::new();
    apply(&engine, &[config("v1")]).await;
    fake.fault("ListEndpoints", fail("AccessDeniedException", "not authorized to perform: sagemaker:ListEndpoints"));
    let held = delete(&engine, &config("v1"), &mut Memory::default()).await;
    assert_eq!((held.progress, fake.count("EndpointConfig")), (Progress::Retry, 1), "{}", held.message);
    assert!(held.message.contains("sagemaker:ListEndpoints"), "{}", held.message);
    assert_eq!(delete(&engine, &config("v1"), &mut Memory::default()).await.progress, Progress::Wrote);
}
