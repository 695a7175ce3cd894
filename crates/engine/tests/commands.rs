//! What commands wait for, and for how long.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::slice::from_ref;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::*;
use sagewright_engine::cloud::{CloudError, Stage};
use sagewright_engine::{
    Action, ApplyOptions, Clock as _, DeleteOptions, EngineError, NoObserver, Object, Outcome, Until,
};
use sagewright_kinds::row::DeleteHow;
use sagewright_kinds::{Phase, find};
use serde_json::json;

fn no_wait() -> ApplyOptions {
    ApplyOptions { wait: false, ..ApplyOptions::default() }
}

fn limit(seconds: u64) -> ApplyOptions {
    ApplyOptions { timeout: Some(Duration::from_secs(seconds)), ..ApplyOptions::default() }
}

#[tokio::test]
async fn who_does_not_wait_for_a_delete_has_it_requested_although_a_stop_comes_first() {
    let mut seen = 0;
    for kind in sagewright_kinds::all().iter().filter(|kind| kind.row().delete.stop_first) {
        let (cloud, _) = Modelled::new();
        let object = declared(kind, &spec(kind, 0, &[]));
        let made = cloud.engine().apply(from_ref(&object), &ApplyOptions::default(), &NoObserver).await.unwrap();
        assert!(made.is_ok(), "{}: {}", kind.name(), made.objects[0].message);
        cloud.take_writes();
        let options = DeleteOptions { wait: false, ..DeleteOptions::default() };
        let report = cloud.engine().delete(from_ref(&object), &options, &NoObserver).await.unwrap();
        let last = cloud.take_writes().pop().unwrap_or_default();
        assert_eq!(report.objects[0].outcome, Outcome::Deleted, "{}: {}", kind.name(), report.objects[0].message);
        assert_eq!(Some(&last), kind.row().operations.delete.as_ref(), "{}", kind.name());
        seen += 1;
    }
    assert!(seen > 0);
    // Where a stop is all that AWS has, it is the end.
    let (fake, _, engine) = Fake::new();
    assert_eq!(find("TrainingJob").unwrap().row().delete.how, DeleteHow::Stop);
    engine.apply(&[training_job("t")], &no_wait(), &NoObserver).await.unwrap();
    let options = DeleteOptions { wait: false, ..DeleteOptions::default() };
    let report = engine.delete(&[training_job("t")], &options, &NoObserver).await.unwrap();
    assert_eq!(report.objects[0].outcome, Outcome::Stopped);
    let word = fake.peek("DescribeTrainingJob", &json!({"TrainingJobName": "t"})).unwrap();
    assert_eq!(word["TrainingJobStatus"], "Stopping");
}

#[tokio::test]
async fn who_does_not_wait_for_an_update_does_not_leave_a_notebook_stopped() {
    let kind = find("NotebookInstance").unwrap();
    let first = spec(kind, 0, &[]);
    for (changed, _) in changes(kind, &first) {
        let (cloud, clock) = Modelled::new();
        cloud.engine().apply(&[declared(kind, &first)], &ApplyOptions::default(), &NoObserver).await.unwrap();
        let changed = declared(kind, &changed);
        let plan = cloud.engine().plan(from_ref(&changed)).await.unwrap();
        if plan.objects[0].action() != Action::Update {
            continue;
        }
        let report = cloud.engine().apply(from_ref(&changed), &no_wait(), &NoObserver).await.unwrap();
        assert_eq!(report.objects[0].outcome, Outcome::Updated, "{}", report.objects[0].message);
        clock.sleep(Duration::from_secs(3600)).await;
        assert_eq!(cloud.word(), Some("InService"), "{:?}", cloud.take_writes());
        let (_, _, tags) = cloud.all().pop().unwrap();
        assert!(!tags.contains_key("sagewright.dev/stopped-for"), "whoever stops it now finds it stopped");
        return;
    }
    panic!("no change is an update");
}

fn component() -> Object {
    object(
        "InferenceComponent",
        "c",
        json!({"inferenceComponentName": "c", "endpointRef": {"from": {"name": "e"}}, "variantName": "main",
            "runtimeConfig": {"copyCount": 1}, "specification": {"modelName": "m"}}),
    )
}

async fn with_endpoint() -> (Arc<Fake>, Arc<TestClock>) {
    let (fake, clock, engine) = Fake::new();
    let endpoint = object("Endpoint", "e", json!({"endpointName": "e", "endpointConfigName": "c"}));
    let report = engine.apply(&[endpoint], &ApplyOptions::default(), &NoObserver).await.unwrap();
    assert!(report.is_ok(), "{}", report.objects[0].message);
    (fake, clock)
}

#[tokio::test]
async fn what_was_begun_does_not_end_with_what_it_refers_to() {
    // What the endpoint is read as once the component's create was taken.
    let updating = |inner: &Fake, input: &_| {
        let mut answer = inner.peek("DescribeEndpoint", input).unwrap();
        answer["EndpointStatus"] = json!("SystemUpdating");
        Ok(answer)
    };
    for fails in [true, false] {
        let (fake, clock) = with_endpoint().await;
        let (inner, begun) = (Arc::clone(&fake), AtomicBool::new(false));
        let engine = hooked(&fake, &clock, move |_, operation, input| {
            begun.fetch_or(operation == "CreateInferenceComponent", Ordering::SeqCst);
            let asks = operation == "DescribeEndpoint" && begun.load(Ordering::SeqCst);
            asks.then(|| if fails { Err(slow_down()) } else { updating(&inner, input) })
        });
        let report = engine.apply(&[component()], &ApplyOptions::default(), &NoObserver).await.unwrap();
        assert_eq!(report.objects[0].outcome, Outcome::Created, "{}", report.objects[0].message);
        assert_eq!(report.objects[0].object.status["inferenceComponentStatus"], "InService");
    }
}

#[tokio::test]
async fn a_reference_that_cannot_be_read_just_now_is_read_again() {
    let (fake, clock) = with_endpoint().await;
    let failures = AtomicUsize::new(0);
    let engine = hooked(&fake, &clock, move |_, operation, _| {
        (operation == "DescribeEndpoint" && failures.fetch_add(1, Ordering::SeqCst) < 3).then(|| Err(slow_down()))
    });
    let report = engine.apply(&[component()], &ApplyOptions::default(), &NoObserver).await.unwrap();
    assert_eq!(report.objects[0].outcome, Outcome::Created, "{}", report.objects[0].message);
    // One that can never be read is told after a while, as what it is.
    let never = hooked(&fake, &clock, |_, operation, _| (operation == "DescribeEndpoint").then(|| Err(slow_down())));
    let mut other = component();
    other.metadata.name = "d".into();
    other.spec["inferenceComponentName"] = json!("d");
    let report = never.apply(&[other], &ApplyOptions::default(), &NoObserver).await.unwrap();
    assert_eq!(report.objects[0].outcome, Outcome::Blocked, "{}", report.objects[0].message);
}

fn model() -> Object {
    object("Model", "m", json!({"modelName": "m", "executionRoleARN": ROLE}))
}

#[tokio::test]
async fn patience_is_for_one_kind_of_failure_and_begins_anew_with_another() {
    let settling = || fail("ValidationException", "Could not assume role arn:… Please ensure that the role exists");
    let fault = || CloudError { status: Some(500), ..fail("InternalFailure", "We encountered an internal error") };
    let denied = || fail("AccessDeniedException", "not yet");
    // (what fails first, for so long, what fails then, for so long)
    let table = [
        (slow_down(), 40_000, settling(), 14_000),
        (fault(), 40_000, settling(), 14_000),
        (slow_down(), 30_000, denied(), 4_000),
    ];
    for (first, until, then, longer) in table {
        let (fake, clock, _) = Fake::new();
        let time = Arc::clone(&clock);
        let what = then.message.clone();
        let changed = Mutex::new(None);
        let engine = hooked(&fake, &clock, move |_, operation, _| {
            let now = time.millis();
            match operation {
                "CreateModel" if now < until => Some(Err(first.clone())),
                "CreateModel" => {
                    let since = *changed.lock().unwrap().get_or_insert(now);
                    (now < since + longer).then(|| Err(then.clone()))
                }
                _ => None,
            }
        });
        let report = engine.apply(&[model()], &ApplyOptions::default(), &NoObserver).await.unwrap();
        assert_eq!(report.objects[0].outcome, Outcome::Created, "{what}: {}", report.objects[0].message);
    }
}

#[tokio::test]
async fn the_time_given_to_a_set_is_for_all_of_it() {
    // A job, a package and an endpoint, one after another: 100 s, 2 s and 60 s.
    let (_, clock, engine) = Fake::new();
    let report = engine.apply(&tutorial(), &limit(130), &NoObserver).await.unwrap();
    let of = |kind: &str| report.objects.iter().find(|o| o.object.kind == kind).unwrap();
    assert_eq!(of("TrainingJob").outcome, Outcome::Created);
    assert_eq!(of("Endpoint").outcome, Outcome::TimedOut, "{}", of("Endpoint").message);
    assert_eq!(clock.millis(), 130_000);
    // What has not had its turn by then is not begun.
    let (fake, clock, engine) = Fake::new();
    let jobs = [training_job("a"), training_job("b")];
    let report = engine.at_once(1).apply(&jobs, &limit(50), &NoObserver).await.unwrap();
    let told: Vec<_> = report.objects.iter().map(|o| o.outcome).collect();
    assert_eq!((told, clock.millis()), (vec![Outcome::TimedOut; 2], 50_000));
    assert!(fake.count("TrainingJob") <= 2);
}

#[tokio::test]
async fn what_has_not_had_its_turn_when_the_time_is_over_is_not_begun() {
    let (fake, clock, _) = Fake::new();
    let time = Arc::clone(&clock);
    // Each create takes a minute to be answered.
    let engine = hooked(&fake, &clock, move |_, operation, _| {
        if operation == "CreateTrainingJob" {
            drop(time.sleep(Duration::from_secs(60)));
        }
        None
    });
    let jobs = [training_job("a"), training_job("b")];
    let report = engine.at_once(1).apply(&jobs, &limit(50), &NoObserver).await.unwrap();
    assert_eq!(report.objects.iter().map(|o| o.outcome).collect::<Vec<_>>(), [Outcome::TimedOut; 2]);
    assert_eq!(fake.count("TrainingJob"), 1);
    let message = &report.objects.iter().find(|o| o.object.metadata.name == "b").unwrap().message;
    assert!(message.contains("not begun") && message.contains("50 s"), "{message}");
}

#[tokio::test]
async fn a_call_that_fails_when_the_time_is_over_is_not_what_failed() {
    let broken = || CloudError { stage: Stage::Transport, status: None, ..fail("TimedOut", "no answer") };
    // (when reads begin to fail, how)
    for (from, error) in [(10_000, slow_down()), (25_000, broken()), (0, broken())] {
        let (fake, clock, _) = Fake::new();
        let (time, message) = (Arc::clone(&clock), error.message.clone());
        let engine = hooked(&fake, &clock, move |_, operation, _| {
            let fails = operation == "DescribeTrainingJob" && time.millis() >= from;
            fails.then(|| {
                // The last one holds the caller until its time is over.
                if error.code == "TimedOut" {
                    drop(time.sleep(Duration::from_millis(u64::try_from((30_000 - time.millis()).max(0)).unwrap())));
                }
                Err(error.clone())
            })
        });
        let report = engine.apply(&[training_job("a")], &limit(30), &NoObserver).await.unwrap();
        let entry = &report.objects[0];
        assert_eq!(entry.outcome, Outcome::TimedOut, "from {from}: {}", entry.message);
        assert!(entry.message.contains(&message) && entry.message.contains("30 s"), "{}", entry.message);
        assert!(clock.millis() <= 30_000, "{}", clock.millis());
    }
}

#[tokio::test]
async fn a_wait_keeps_its_time() {
    let (kind, until) = (find("TrainingJob").unwrap(), Until::Settled);
    let asks = CloudError { retry_after: Some(Duration::from_secs(60)), ..slow_down() };
    for from in [0, 4_000] {
        let (fake, clock, engine) = Fake::new();
        engine.apply(&[training_job("a")], &no_wait(), &NoObserver).await.unwrap();
        let (time, asks) = (Arc::clone(&clock), asks.clone());
        let engine = hooked(&fake, &clock, move |_, _, _| (time.millis() >= from).then(|| Err(asks.clone())));
        let error = engine.wait(kind, "a", &until, Some(Duration::from_secs(10)), &NoObserver).await.unwrap_err();
        assert!(clock.millis() <= 10_000, "{} ms", clock.millis());
        assert_eq!(matches!(error, EngineError::Timeout { .. }), from > 0, "{error}");
    }
}

#[tokio::test]
async fn a_word_that_no_status_has_is_not_waited_for() {
    let (_, clock, engine) = Fake::new();
    engine.apply(&[training_job("a")], &no_wait(), &NoObserver).await.unwrap();
    let (kind, until) = (find("TrainingJob").unwrap(), Until::Status("completed".into()));
    let error = engine.wait(kind, "a", &until, Some(Duration::from_secs(3600)), &NoObserver).await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("`completed`") && text.contains("did you mean `Completed`"), "{text}");
    assert_eq!(clock.millis(), 0);
    let until = Until::Status("Completed".into());
    engine.wait(kind, "a", &until, Some(Duration::from_secs(3600)), &NoObserver).await.unwrap();
    assert_eq!(kind.phase("Completed"), Phase::Settled);
}

#[tokio::test]
async fn a_call_that_is_slowed_down_causes_no_more_of_them() {
    let pipeline = |definition: &str| {
        object("Pipeline", "p", json!({"pipelineName": "p", "roleARN": ROLE, "pipelineDefinition": definition}))
    };
    let (fake, clock, engine) = Fake::new();
    engine.apply(&[pipeline("{}")], &ApplyOptions::default(), &NoObserver).await.unwrap();
    let (calls, tries) = (Arc::new(Mutex::new(Vec::new())), AtomicUsize::new(0));
    let kept = Arc::clone(&calls);
    let engine = hooked(&fake, &clock, move |_, operation, _| {
        kept.lock().unwrap().push(operation.to_owned());
        (operation == "UpdatePipeline" && tries.fetch_add(1, Ordering::SeqCst) < 3).then(|| Err(slow_down()))
    });
    let report = engine.apply(&[pipeline("{\"a\": 1}")], &ApplyOptions::default(), &NoObserver).await.unwrap();
    assert_eq!(report.objects[0].outcome, Outcome::Updated, "{}", report.objects[0].message);
    let calls = calls.lock().unwrap();
    let count = |name: &str| calls.iter().filter(|call| *call == name).count();
    assert_eq!((count("UpdatePipeline"), count("DescribePipeline")), (4, 5), "{calls:?}");
}

#[tokio::test]
async fn what_a_set_was_not_waited_for_keeps_its_tags_in_the_report() {
    let (_, _, engine) = Fake::new();
    let report = engine.apply(&[training_job("a")], &limit(30), &NoObserver).await.unwrap();
    let object = &report.objects[0].object;
    assert_eq!(report.objects[0].outcome, Outcome::TimedOut);
    assert_eq!(object.spec["tags"], json!([{"key": "team", "value": "vision"}]), "{}", object.spec);
    assert_eq!(object.status["trainingJobStatus"], "InProgress");
}
