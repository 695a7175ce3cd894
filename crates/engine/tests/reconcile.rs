//! One object at a time: the step that every driver stands on.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::support::*;
use sagewright_engine::reconcile::{Memory, Progress, Reconciled, ReferenceResolver, Resolution, Scope};
use sagewright_engine::{
    ApplyOptions, Call, Clock, Cloud, CloudError, Desired, Engine, EventKind, Failure, Intent, NoObserver, Object,
    ObjectId, Outcome, Priority, Target,
};
use serde_json::{Value, json};

/// No reference is known but the role.
struct Roles;

#[async_trait::async_trait]
impl ReferenceResolver for Roles {
    async fn resolve(
        &self,
        from: &ObjectId,
        reference: &sagewright_engine::RefUse,
        _: Intent,
    ) -> Result<Resolution, Failure> {
        Ok(match (from.namespace.as_str(), reference.target.kind.as_str(), reference.name.as_str()) {
            ("default", "Role", "scaler") => Resolution::Value("arn:aws:iam::123456789012:role/scaler".into()),
            _ => Resolution::Absent(format!("there is no {} {}", reference.target.kind, reference.name)),
        })
    }
}

fn scope() -> Scope {
    Scope { target: Target::new(REGION.parse().unwrap()), claims: Arc::default(), priority: Priority::default() }
}

/// Runs one look as a controller does, which keeps nothing but the object and the serialised memory.
async fn look(engine: &Engine, object: &mut Object, memory: &mut String, intent: Intent) -> Reconciled {
    let kind = object.row().unwrap();
    let mut desired = Desired::new(kind, object).unwrap();
    desired.intent = intent;
    let mut remembered: Memory = serde_json::from_str(memory).unwrap();
    let done = engine.reconcile(&scope(), &desired, &mut remembered, &Roles).await;
    *memory = serde_json::to_string(&remembered).unwrap();
    assert!(memory.len() < 200, "{memory}");
    object.status = done.status.clone();
    done
}

#[tokio::test]
async fn a_look_acts_and_comes_back_and_the_next_goes_on_from_there() {
    let (fake, clock, engine) = Fake::new();
    let (mut object, mut memory) = (training_job("mnist"), "{}".to_owned());
    let done = look(&engine, &mut object, &mut memory, Intent::Present).await;
    assert_eq!((done.progress, done.outcome, clock.millis()), (Progress::Wrote, Some(Outcome::Created), 0));
    assert!(object.arn().is_some(), "the create's answer says which resource it is");
    assert_eq!(done.requeue, Some(Duration::from_secs(1)));
    let done = look(&engine, &mut object, &mut memory, Intent::Present).await;
    assert_eq!((done.progress, done.requeue), (Progress::Waiting { held: false }, Some(Duration::from_secs(30))));
    // While the status is the same, one call tells it: neither tags nor owner are read again.
    fake.take_log(false);
    clock.sleep(Duration::from_secs(5)).await;
    let again = look(&engine, &mut object, &mut memory, Intent::Present).await;
    assert_eq!(fake.take_log(false).len(), 1);
    assert_eq!(again.conditions, done.conditions, "and its conditions stay");
    assert!(!done.conditions.is_empty());
    clock.sleep(Duration::from_secs(3600)).await;
    let done = look(&engine, &mut object, &mut memory, Intent::Present).await;
    assert_eq!((done.progress, done.outcome), (Progress::Done, Some(Outcome::Unchanged)));
    assert_eq!(memory, "{}", "nothing is remembered of what is settled");
    let told: Vec<_> = done.events.iter().map(|e| std::mem::discriminant(&e.what)).collect();
    assert!(told.contains(&std::mem::discriminant(&EventKind::Settled)));
    assert_eq!(done.conditions.iter().find(|c| c.kind == "Ready").unwrap().status.to_string(), "True");
}

#[tokio::test]
async fn a_resource_that_is_to_go_is_stopped_looked_for_and_gone() {
    let (fake, clock, engine) = Fake::new();
    let (mut object, mut memory) = (training_job("mnist"), "{}".to_owned());
    look(&engine, &mut object, &mut memory, Intent::Present).await;
    look(&engine, &mut object, &mut memory, Intent::Present).await;
    // What was waited for before the object was to go does not hold it up.
    let done = look(&engine, &mut object, &mut memory, Intent::Absent).await;
    assert_eq!(done.outcome, Some(Outcome::Stopped), "{done:?}");
    clock.sleep(Duration::from_secs(3600)).await;
    let done = look(&engine, &mut object, &mut memory, Intent::Absent).await;
    assert_eq!((done.progress, done.outcome), (Progress::Done, Some(Outcome::Retained)));
    assert_eq!(fake.take_log(true).iter().filter(|c| c.starts_with("StopTrainingJob")).count(), 1);
}

#[tokio::test]
async fn what_no_service_is_there_for_may_go() {
    let (fake, _, engine) = Fake::new();
    let mut target = object(
        "ScalableTarget",
        "scale",
        json!({"resourceID": "endpoint/e/variant/v", "serviceNamespace": "sagemaker",
        "scalableDimension": "sagemaker:variant:DesiredInstanceCount"}),
    );
    let none = || fail("NotImplemented", "The service application-autoscaling is not part of this cloud");
    let mut memory = "{}".to_owned();
    fake.fault("DescribeScalableTargets", none());
    let done = look(&engine, &mut target, &mut memory, Intent::Present).await;
    assert_eq!(done.progress, Progress::Ended, "{}", done.message);
    fake.fault("DescribeScalableTargets", none());
    let done = look(&engine, &mut target, &mut memory, Intent::Absent).await;
    assert_eq!((done.progress, done.outcome), (Progress::Done, Some(Outcome::Unchanged)), "{}", done.message);
    // What may not be looked at may be there.
    fake.fault("DescribeScalableTargets", fail("AccessDeniedException", "not authorized"));
    let done = look(&engine, &mut target, &mut memory, Intent::Absent).await;
    assert_ne!(done.progress, Progress::Done, "{}", done.message);
}

/// Every reference has a value.
struct Known;

#[async_trait::async_trait]
impl ReferenceResolver for Known {
    async fn resolve(
        &self,
        _: &ObjectId,
        reference: &sagewright_engine::RefUse,
        _: Intent,
    ) -> Result<Resolution, Failure> {
        Ok(Resolution::Value(if reference.target.kind == "Domain" { "d-1".into() } else { reference.name.clone() }))
    }
}

#[tokio::test]
async fn a_resource_goes_whose_name_has_an_optional_part_by_reference() {
    let (cloud, clock) = Modelled::new();
    let (engine, mut memory) = (cloud.engine(), Memory::default());
    let by = |name: &str| json!({"from": {"name": name}});
    let mut app = object(
        "App",
        "jupyter",
        json!({"domainRef": by("lab"), "userProfileRef": by("ann"), "appName": "default",
        "appType": "JupyterServer"}),
    );
    for (intent, count) in [(Intent::Present, 1), (Intent::Absent, 0)] {
        for _ in 0..40 {
            let desired = Desired { intent, ..Desired::new(app.row().unwrap(), &app).unwrap() };
            let done = engine.reconcile(&scope(), &desired, &mut memory, &Known).await;
            app.status = done.status.clone();
            if done.progress == Progress::Done {
                break;
            }
            clock.sleep(done.requeue.unwrap()).await;
        }
        assert_eq!(cloud.count(), count, "{intent:?}: {}", app.status);
    }
}

#[tokio::test]
async fn references_are_answered_by_whoever_knows_those_of_other_groups_too() {
    let (fake, _, engine) = Fake::new();
    let spec = |role: &str| {
        json!({
            "serviceNamespace": "sagemaker", "scalableDimension": "sagemaker:variant:DesiredInstanceCount",
            "resourceID": "endpoint/e/variant/main", "minCapacity": 1, "maxCapacity": 2,
            "roleRef": {"from": {"name": role}},
        })
    };
    let (mut object, mut memory) = (object("ScalableTarget", "e", spec("nobody")), "{}".to_owned());
    let done = look(&engine, &mut object, &mut memory, Intent::Present).await;
    assert_eq!(done.progress, Progress::Blocked);
    assert!(done.message.contains("there is no Role nobody"), "{}", done.message);
    assert_eq!(done.requeue, Some(Duration::from_secs(30)), "what it refers to may come");
    let of = |name: &str| done.conditions.iter().find(|c| c.kind == name).map(|c| c.status.to_string());
    assert_eq!(of("ACK.ReferencesResolved").as_deref(), Some("False"));
    assert_eq!((of("Ready").as_deref(), of("ACK.Terminal").as_deref()), (Some("False"), Some("True")));
    assert_eq!(object.status["conditions"], serde_json::to_value(&done.conditions).unwrap());
    assert!(fake.take_log(false).is_empty());
    object.spec = spec("scaler");
    let done = look(&engine, &mut object, &mut memory, Intent::Present).await;
    assert_eq!(done.outcome, Some(Outcome::Created), "{}", done.message);
    assert!(fake.take_log(true)[0].contains("role/scaler"));
}

#[tokio::test]
async fn a_failed_call_is_tried_again_later_and_each_time_after_a_longer_pause() {
    let (fake, clock, engine) = Fake::new();
    let (mut object, mut memory) = (training_job("mnist"), "{}".to_owned());
    for _ in 0..3 {
        fake.fault("CreateTrainingJob", slow_down());
    }
    let mut pauses = Vec::new();
    for _ in 0..3 {
        let done = look(&engine, &mut object, &mut memory, Intent::Present).await;
        assert_eq!(done.progress, Progress::Retry);
        assert!(done.events.iter().any(|e| matches!(e.what, EventKind::Retrying { step: Some(_), .. })));
        pauses.push(done.requeue.unwrap());
    }
    assert!(pauses[0] < pauses[1] && pauses[1] < pauses[2], "{pauses:?}");
    assert_eq!(clock.millis(), 0, "a look never sleeps");
    let done = look(&engine, &mut object, &mut memory, Intent::Present).await;
    assert_eq!(done.outcome, Some(Outcome::Created));
}

#[tokio::test]
async fn what_was_just_created_is_gone_as_soon_as_it_is_deleted() {
    let (fake, _, engine) = Fake::new();
    let (mut object, mut memory) = (object("Model", "m", json!({"modelName": "m"})), "{}".to_owned());
    look(&engine, &mut object, &mut memory, Intent::Present).await;
    let done = look(&engine, &mut object, &mut memory, Intent::Absent).await;
    assert_eq!(done.outcome, Some(Outcome::Deleted), "{}", done.message);
    let done = look(&engine, &mut object, &mut memory, Intent::Absent).await;
    assert_eq!((done.progress, memory.as_str()), (Progress::Done, "{}"), "{}", done.message);
    assert_eq!(fake.count("Model"), 0);
}

#[tokio::test]
async fn a_refusal_forgets_the_writes_before_it() {
    let (_, _, engine) = Fake::new();
    let (mut object, mut memory) = (object("Model", "m", json!({"modelName": "m"})), "{}".to_owned());
    look(&engine, &mut object, &mut memory, Intent::Present).await;
    assert_ne!(memory, "{}");
    object.spec["executionRoleARN"] = json!(ROLE);
    let done = look(&engine, &mut object, &mut memory, Intent::Present).await;
    assert_eq!((done.outcome, memory.as_str()), (Some(Outcome::Refused), "{}"), "{}", done.message);
}

#[tokio::test]
async fn an_update_that_was_seen_at_work_and_rolled_back_is_told_at_once() {
    let (fake, clock, engine) = Fake::new();
    let mut objects = tutorial();
    engine.apply(&objects, &ApplyOptions::default(), &NoObserver).await.unwrap();
    objects.push(config_like(&objects[1], "mnist-2"));
    engine.apply(&objects, &ApplyOptions::default(), &NoObserver).await.unwrap();
    fake.fate("update", 0, "", Some("One or more alarms went off: latency"));
    let mut endpoint = objects.swap_remove(0);
    endpoint.spec = json!({"endpointName": "mnist", "endpointConfigName": "mnist-2"});
    let mut memory = "{}".to_owned();
    look(&engine, &mut endpoint, &mut memory, Intent::Present).await;
    let done = look(&engine, &mut endpoint, &mut memory, Intent::Present).await;
    assert_eq!(done.progress, Progress::Waiting { held: false });
    // Sooner than an update that was not seen at work could be taken for one that is not shown yet.
    clock.sleep(Duration::from_secs(31)).await;
    let done = look(&engine, &mut endpoint, &mut memory, Intent::Present).await;
    assert_eq!((done.progress, done.outcome), (Progress::Ended, Some(Outcome::Failed)), "{}", done.message);
    assert!(done.message.contains("alarms went off: latency"), "{}", done.message);
}

#[tokio::test]
async fn tags_are_removed_before_others_are_added() {
    // A resource may have as many as AWS takes.
    let (fake, _, engine) = Fake::new();
    let mut object = object("Model", "m", json!({"modelName": "m", "tags": [{"key": "a", "value": ""}]}));
    let mut memory = "{}".to_owned();
    look(&engine, &mut object, &mut memory, Intent::Present).await;
    object.spec["tags"] = json!([{"key": "b", "value": ""}]);
    fake.take_log(true);
    look(&engine, &mut object, &mut memory, Intent::Present).await;
    let calls: Vec<String> = fake.take_log(true).iter().map(|c| c.split(' ').next().unwrap().to_owned()).collect();
    assert_eq!(calls, ["DeleteTags", "AddTags"]);
}

#[tokio::test]
async fn an_object_that_is_never_as_declared_is_given_up_after_many_writes() {
    let (fake, _, engine) = Fake::new();
    let (mut object, mut memory) = (object("Model", "m", json!({"modelName": "m"})), "{}".to_owned());
    look(&engine, &mut object, &mut memory, Intent::Present).await;
    // Each look finds something else to write.
    let mut writes = 1;
    let last = loop {
        object.spec["tags"] = json!([{"key": "round", "value": writes.to_string()}]);
        let done = look(&engine, &mut object, &mut memory, Intent::Present).await;
        if done.progress != Progress::Wrote {
            break done;
        }
        writes += 1;
    };
    assert_eq!((writes, last.progress, last.outcome), (12, Progress::Ended, Some(Outcome::Failed)));
    assert!(last.message.contains("cannot settle the model `m`: it is not as declared after many tries"), "{last:?}");
    assert_eq!(fake.resource("model/m").unwrap().tags["round"], "11");
}

/// A cloud whose calls take a while, and that counts how many are under way.
struct Slow {
    fake: Arc<Fake>,
    at_once: AtomicUsize,
    most: AtomicUsize,
}

#[async_trait::async_trait]
impl Cloud for Slow {
    async fn call(&self, call: Call) -> Result<Value, CloudError> {
        let now = self.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        for _ in 0..4 {
            tokio::task::yield_now().await;
        }
        self.at_once.fetch_sub(1, Ordering::SeqCst);
        self.fake.call(call).await
    }
}

#[tokio::test]
async fn a_large_set_has_a_bounded_number_of_calls_under_way() {
    let (fake, clock, _) = Fake::new();
    let slow = Arc::new(Slow { fake, at_once: AtomicUsize::new(0), most: AtomicUsize::new(0) });
    let engine = Engine::new(Arc::clone(&slow) as Arc<dyn Cloud>, clock, scope().target).at_once(7);
    let models: Vec<Object> = (0..60)
        .map(|i| object("Model", &format!("m{i}"), json!({"modelName": format!("m{i}"), "executionRoleARN": ROLE})))
        .collect();
    let report = engine.apply(&models, &ApplyOptions::default(), &NoObserver).await.unwrap();
    assert!(report.is_ok());
    assert_eq!((slow.most.load(Ordering::SeqCst), slow.fake.count("Model")), (7, 60));
    engine.plan(&models).await.unwrap();
    assert_eq!(slow.most.load(Ordering::SeqCst), 7);
}

/// Keeps how urgent calls were, and how long they may take.
struct Urgency {
    fake: Arc<Fake>,
    calls: std::sync::Mutex<Vec<(String, Priority, Option<Duration>)>>,
}

#[async_trait::async_trait]
impl Cloud for Urgency {
    async fn call(&self, call: Call) -> Result<Value, CloudError> {
        self.calls.lock().unwrap().push((call.operation.clone(), call.priority, call.timeout));
        self.fake.call(call).await
    }
}

#[tokio::test]
async fn calls_say_how_urgent_they_are_and_end_with_the_time_that_was_given() {
    let (fake, clock, _) = Fake::new();
    let urgency = Arc::new(Urgency { fake, calls: std::sync::Mutex::default() });
    let engine = Engine::new(Arc::clone(&urgency) as Arc<dyn Cloud>, clock, scope().target);
    let limit = Duration::from_secs(100);
    let options = ApplyOptions { timeout: Some(limit), ..ApplyOptions::default() };
    let report = engine.apply(&[training_job("mnist")], &options, &NoObserver).await.unwrap();
    assert_eq!(report.objects[0].outcome, Outcome::Created, "{}", report.objects[0].message);
    let calls = urgency.calls.lock().unwrap();
    let (create, polls) = calls.iter().partition::<Vec<_>, _>(|(operation, ..)| operation == "CreateTrainingJob");
    assert_eq!((create[0].1, create[0].2), (Priority::Interactive, Some(limit)));
    let last = polls.iter().rev().find(|(operation, ..)| operation == "DescribeTrainingJob").unwrap();
    assert_eq!(last.1, Priority::Progress, "polling goes behind what a person waits for");
    let times: Vec<Duration> = calls.iter().map(|(.., timeout)| timeout.unwrap()).collect();
    assert!(times.is_sorted_by(|a, b| a >= b), "{times:?}");
    assert!(*times.last().unwrap() < limit);
}

#[tokio::test]
async fn a_create_that_was_refused_claims_nothing_that_others_made() {
    for kind in ["Model", "Pipeline"] {
        let (fake, _, engine) = Fake::new();
        let mut object = match kind {
            "Model" => object(kind, "m", json!({"modelName": "m", "executionRoleARN": ROLE})),
            _ => object(kind, "m", json!({"pipelineName": "m", "roleARN": ROLE, "pipelineDefinition": "{}"})),
        };
        let mut memory = "{}".to_owned();
        fake.fault(&format!("Create{kind}"), slow_down());
        let done = look(&engine, &mut object, &mut memory, Intent::Present).await;
        assert_eq!(done.progress, Progress::Retry);
        // Somebody makes one of the same name meanwhile, without a mark.
        let input = match kind {
            "Model" => json!({"ModelName": "m", "ExecutionRoleArn": ROLE}),
            _ => json!({"PipelineName": "m", "RoleArn": ROLE, "PipelineDefinition": "{}", "ClientRequestToken": "t"}),
        };
        fake.peek(&format!("Create{kind}"), &input).unwrap();
        fake.take_log(true);
        for intent in [Intent::Present, Intent::Absent] {
            let done = look(&engine, &mut object, &mut memory, intent).await;
            assert_eq!(done.outcome, Some(Outcome::Refused), "{kind}: {}", done.message);
            let told = done.events.iter().any(|e| matches!(e.what, EventKind::Done { .. }));
            assert!(!told, "{kind}: nothing of it was done by this object");
        }
        assert!(fake.take_log(true).is_empty(), "{kind}");
    }
}

#[tokio::test]
async fn the_log_of_a_failure_is_read_once_and_its_trouble_is_no_other() {
    let refused = || CloudError::new("logs", "", sagewright_engine::Stage::Service, "AccessDeniedException", "no");
    let events = json!({"events": [{"timestamp": 2, "message": "ValueError: no column"}], "nextBackwardToken": "b/1"});
    for (logs, said) in [
        (Ok(events), "\nLast lines of its log:\nValueError: no column"),
        (Ok(json!({"events": []})), "\nIts log has no lines."),
        (Err(refused()), "\nIts log could not be read: AccessDeniedException: no"),
    ] {
        let (fake, clock, _) = Fake::new();
        fake.fate("TrainingJob", 60, "Failed", Some("AlgorithmError: exit code: 1"));
        let calls = Arc::new(AtomicUsize::new(0));
        let (counted, answer) = (Arc::clone(&calls), logs.clone());
        let engine = hooked(&fake, &clock, move |_, operation, input| match operation {
            "DescribeLogStreams" => {
                counted.fetch_add(1, Ordering::Relaxed);
                let name = format!("{}algo-1-1", input["logStreamNamePrefix"].as_str().unwrap());
                Some(Ok(json!({"logStreams": [{"logStreamName": name, "lastEventTimestamp": 2}]})))
            }
            // At the beginning of the stream, AWS gives the token that it was given.
            "GetLogEvents" if input.get("nextToken").is_some() => Some(Ok(json!({"nextBackwardToken": "b/1"}))),
            "GetLogEvents" => Some(answer.clone()),
            _ => None,
        });
        let (mut object, mut memory) = (training_job("mnist"), "{}".to_owned());
        for _ in 0..2 {
            look(&engine, &mut object, &mut memory, Intent::Present).await;
        }
        clock.sleep(Duration::from_secs(3_600)).await;
        let done = look(&engine, &mut object, &mut memory, Intent::Present).await;
        assert_eq!((done.progress, done.outcome), (Progress::Ended, Some(Outcome::Failed)), "{said}");
        assert_eq!(done.message.contains("ValueError"), said.contains("ValueError"), "{}", done.message);
        let again = look(&engine, &mut object, &mut memory, Intent::Present).await;
        for done in [&done, &again] {
            let terminal = done.conditions.iter().find(|c| c.kind == "ACK.Terminal").unwrap();
            let message = terminal.message.as_deref().unwrap();
            assert!(
                message.starts_with("TrainingJob status reached terminal state: Failed. AlgorithmError"),
                "{message}"
            );
            assert!(message.ends_with(&format!("exit code: 1{said}")), "{message}");
        }
        assert_eq!(calls.load(Ordering::Relaxed), 1, "once for the failure: {said}");
    }
}

#[tokio::test]
async fn an_endpoint_in_trouble_names_the_parts_that_are_gone() {
    let gone = |code: &str, message: &str| Some(Err(fail(code, message)));
    let model = || {
        json!({
            "ModelName": "m", "ModelArn": "arn:aws:sagemaker:us-east-1:123456789012:model/m", "CreationTime": "2026-01-01T00:00:00Z",
            "ExecutionRoleArn": "arn:aws:iam::123456789012:role/service/sage",
            "PrimaryContainer": {"Image": "i", "ModelDataUrl": "s3://b/m.tar.gz"},
        })
    };
    // (what fails, reason, what the advisory names)
    for (missing, reason, named) in [
        ("DescribeEndpointConfig", Some("no"), "its endpoint config `c` is gone"),
        ("DescribeModel", Some("no"), "its model `m` is gone"),
        ("GetRole", Some("no"), "arn:aws:iam::123456789012:role/service/sage, the role of its model `m`, is gone"),
        ("ListObjectsV2", Some("no"), "s3://b/m.tar.gz, which its model `m` loads, is gone"),
        ("", Some("no"), ""),
        ("Denied", Some("no"), ""),
        ("DescribeModel", None, ""),
    ] {
        let (fake, clock, _) = Fake::new();
        let armed = Arc::new(AtomicUsize::new(0));
        let (is_armed, reads) = (Arc::clone(&armed), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&reads);
        let engine = hooked(&fake, &clock, move |_, operation, _| {
            let parts = ["DescribeEndpointConfig", "DescribeModel", "GetRole", "ListObjectsV2"];
            if is_armed.load(Ordering::Relaxed) == 0 || !parts.contains(&operation) {
                return None;
            }
            counted.fetch_add(1, Ordering::Relaxed);
            match operation {
                _ if missing == "Denied" => gone("AccessDeniedException", "no"),
                "DescribeEndpointConfig" if missing == operation => {
                    gone("ValidationException", "Could not find endpoint configuration \"c\".")
                }
                "DescribeModel" if missing == operation => gone("ValidationException", "Could not find model \"m\"."),
                "DescribeModel" => Some(Ok(model())),
                "GetRole" if missing == operation => gone("NoSuchEntity", "no such role"),
                "GetRole" => Some(Ok(json!({"Role": {}}))),
                "ListObjectsV2" if missing == operation => Some(Ok(json!({"Contents": [{"Key": "m.tar.gz.old"}]}))),
                "ListObjectsV2" => Some(Ok(json!({"Contents": [{"Key": "m.tar.gz"}]}))),
                _ => None,
            }
        });
        let variant = json!({
            "variantName": "main", "modelName": "m", "instanceType": "ml.m5.large", "initialInstanceCount": 1,
        });
        let config = object("EndpointConfig", "c", json!({"endpointConfigName": "c", "productionVariants": [variant]}));
        engine.apply(&[config], &ApplyOptions::default(), &NoObserver).await.unwrap();
        let (mut endpoint, mut memory) =
            (object("Endpoint", "e", json!({"endpointName": "e", "endpointConfigName": "c"})), "{}".to_owned());
        for _ in 0..3 {
            look(&engine, &mut endpoint, &mut memory, Intent::Present).await;
            clock.sleep(Duration::from_secs(3_600)).await;
        }
        fake.edit("endpoint/e", |endpoint| endpoint.doc["FailureReason"] = json!(reason));
        armed.store(1, Ordering::Relaxed);
        let done = look(&engine, &mut endpoint, &mut memory, Intent::Present).await;
        assert_eq!(done.progress, Progress::Done, "{missing}: {}", done.message);
        let advisory = done.conditions.iter().find(|c| c.kind == "ACK.Advisory");
        let message = advisory.and_then(|c| c.message.clone()).unwrap_or_default();
        assert_eq!(message.is_empty(), named.is_empty(), "{missing}: {message}");
        assert!(message.contains(named), "{missing}: {message}");
        assert_eq!(
            reads.load(Ordering::Relaxed) == 0,
            reason.is_none(),
            "{missing}: nothing is read of one that is well"
        );
    }
}

/// A model of an object, under a generated name.
fn generated(name: &str, image: &str, intent: Intent) -> Desired {
    let object = object(
        "Model",
        "fraud",
        json!({"modelName": name, "primaryContainer": {"image": image},
            "executionRoleARN": "arn:aws:iam::123456789012:role/r"}),
    );
    let desired = Desired::new(object.row().unwrap(), &object).unwrap();
    Desired { intent, generated: Some(sagewright_engine::manifest::GeneratedNames::default()), ..desired }
}

#[tokio::test]
async fn with_generated_names_an_object_has_several_resources_each_found_by_its_own_name() {
    let (fake, _, engine) = Fake::new();
    let step = async |desired: &Desired| engine.reconcile(&scope(), desired, &mut Memory::default(), &Roles).await;
    for (name, image) in [("fraud-1", "a"), ("fraud-2", "b")] {
        let done = step(&generated(name, image, Intent::Present)).await;
        assert_eq!((done.progress, done.outcome), (Progress::Wrote, Some(Outcome::Created)), "{}", done.message);
    }
    let done = step(&generated("fraud-1", "a", Intent::Present)).await;
    assert_eq!((done.progress, done.outcome), (Progress::Done, Some(Outcome::Unchanged)), "it is there still");
    let mut plain = generated("fraud-3", "c", Intent::Present);
    plain.generated = None;
    let refused = step(&plain).await;
    assert_eq!(refused.outcome, Some(Outcome::Refused), "with one name a second resource is refused");
    // What uses each of them.
    let config = object(
        "EndpointConfig",
        "config",
        json!({"endpointConfigName": "config", "productionVariants": [{"variantName": "main", "modelName": "fraud-1",
            "instanceType": "ml.m5.large", "initialInstanceCount": 1, "initialVariantWeight": 1}]}),
    );
    engine.apply(&[config], &ApplyOptions::default(), &NoObserver).await.unwrap();
    let going = ["fraud-0", "fraud-1", "fraud-2"].map(|name| generated(name, "a", Intent::Absent));
    fake.take_log(true);
    let users = engine.users_of(&scope(), &going).await.unwrap();
    assert!(fake.take_log(true).is_empty(), "it only reads");
    let by = |at: usize| users[at].as_ref().map(|users| users.by.iter().cloned().collect::<Vec<_>>());
    assert_eq!((by(0), by(1), by(2)), (None, Some(vec!["EndpointConfig/config".to_owned()]), Some(Vec::new())));
    // One that is to go does so by its name, and the other one is none of its business.
    let done = step(&generated("fraud-2", "b", Intent::Absent)).await;
    assert_eq!((done.progress, done.outcome), (Progress::Wrote, Some(Outcome::Deleted)));
    let done = step(&generated("fraud-2", "b", Intent::Absent)).await;
    assert_eq!((done.progress, done.outcome), (Progress::Done, Some(Outcome::Unchanged)));
    let done = step(&generated("fraud-1", "a", Intent::Present)).await;
    assert_eq!((done.progress, done.outcome), (Progress::Done, Some(Outcome::Unchanged)));
}

#[tokio::test]
async fn references_are_resolved_before_a_look_or_the_look_says_why_not() {
    let (_, _, engine) = Fake::new();
    let target = |role: &str| {
        let spec = json!({"serviceNamespace": "sagemaker", "resourceID": "endpoint/e/variant/v", "minCapacity": 1,
            "maxCapacity": 2, "scalableDimension": "sagemaker:variant:DesiredInstanceCount",
            "roleRef": {"from": {"name": role}}});
        let object = object("ScalableTarget", "t", spec);
        Desired::new(object.row().unwrap(), &object).unwrap()
    };
    let (mut known, mut unknown, mut memory) = (target("scaler"), target("none"), Memory::default());
    engine.resolve(&mut known, &mut memory, &Roles).await.unwrap();
    assert!(known.pending.is_empty());
    assert_eq!(known.spec["RoleARN"], "arn:aws:iam::123456789012:role/scaler");
    let blocked = engine.resolve(&mut unknown, &mut memory, &Roles).await.unwrap_err();
    assert_eq!((blocked.progress, blocked.outcome), (Progress::Blocked, Some(Outcome::Blocked)));
    assert!(blocked.message.contains("there is no Role none"), "{}", blocked.message);
}
