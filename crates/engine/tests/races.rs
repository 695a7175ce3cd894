//! What happens between a look and a call, and after it: stale reads, others at work, calls that fail, time that runs out.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::slice::from_ref;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use crate::support::{Fake, ROLE, TestClock, fail, hooked, object, slow_down, training_job, tutorial};
use sagewright_engine::cloud::{CloudError, Stage};
use sagewright_engine::{
    ApplyOptions, Clock as _, ConditionStatus, DeleteOptions, EngineError, Event, EventKind, NoObserver, Object,
    Observer, Outcome, Step, Until, conditions,
};
use sagewright_kinds::find;
use serde_json::{Value, json};

fn pipeline(definition: &str) -> Object {
    object("Pipeline", "p", json!({"pipelineName": "p", "roleARN": ROLE, "pipelineDefinition": definition}))
}

/// Reads that go on showing what was there for a while after a write.
fn stale(
    fake: &Arc<Fake>,
    clock: &Arc<TestClock>,
    write: &'static str,
    read: &'static str,
    millis: i64,
) -> sagewright_engine::Engine {
    let (before, at) = (std::sync::Mutex::new(None::<Value>), AtomicI64::new(i64::MIN / 2));
    let (inner, time) = (Arc::clone(fake), Arc::clone(clock));
    hooked(fake, clock, move |_, operation, input| {
        let mut before = before.lock().unwrap();
        if operation == write {
            at.store(time.millis(), Ordering::SeqCst);
        }
        if operation != read {
            return None;
        }
        match (&*before, time.millis() - at.load(Ordering::SeqCst) < millis) {
            (Some(old), true) => Some(Ok(old.clone())),
            _ => {
                let answer = inner.peek(operation, input);
                *before = answer.as_ref().ok().cloned();
                Some(answer)
            }
        }
    })
}

#[tokio::test]
async fn a_write_that_reads_do_not_show_yet_is_waited_for_and_not_repeated() {
    let cases =
        [("UpdatePipeline", "DescribePipeline"), ("AddTags", "ListTags"), ("DeletePipeline", "DescribePipeline")];
    for (write, read) in cases {
        let (fake, clock, engine) = Fake::new();
        engine.apply(&[pipeline("{\"a\": 1}")], &ApplyOptions::default(), &NoObserver).await.unwrap();
        let engine = stale(&fake, &clock, write, read, 7_000);
        fake.take_log(false);
        let mut changed = pipeline(if write == "UpdatePipeline" { "{\"a\": 2}" } else { "{\"a\": 1}" });
        if write == "AddTags" {
            changed.spec["tags"] = json!([{"key": "team", "value": "vision"}]);
        }
        let report = if write == "DeletePipeline" {
            engine.delete(&[changed], &DeleteOptions::default(), &NoObserver).await.unwrap()
        } else {
            engine.apply(&[changed], &ApplyOptions::default(), &NoObserver).await.unwrap()
        };
        assert!(report.is_ok(), "{write}: {}", report.objects[0].message);
        assert_eq!(fake.take_log(true).len(), 1, "{write}");
    }
}

#[tokio::test]
async fn what_was_gone_when_it_was_deleted_may_be_shown_for_a_while() {
    let (fake, clock, engine) = Fake::new();
    engine.apply(&[pipeline("{}")], &ApplyOptions::default(), &NoObserver).await.unwrap();
    let calls = Arc::new(AtomicUsize::new(0));
    let (counted, time, inner) = (Arc::clone(&calls), Arc::clone(&clock), Arc::clone(&fake));
    let engine = hooked(&fake, &clock, move |_, operation, _| {
        (operation == "DeletePipeline").then(|| {
            counted.fetch_add(1, Ordering::SeqCst);
            inner.edit("pipeline/p", |r| r.gone_at = Some(time.millis() + 7_000));
            Err(fail("ResourceNotFound", "Pipeline 'p' does not exist."))
        })
    });
    let report = engine.delete(&[pipeline("{}")], &DeleteOptions::default(), &NoObserver).await.unwrap();
    assert_eq!(report.objects[0].outcome, Outcome::Deleted, "{}", report.objects[0].message);
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn an_update_that_never_shows_is_told_after_a_while() {
    let (fake, clock, engine) = Fake::new();
    engine.apply(&[pipeline("{\"a\": 1}")], &ApplyOptions::default(), &NoObserver).await.unwrap();
    let engine = stale(&fake, &clock, "UpdatePipeline", "DescribePipeline", i64::MAX / 2);
    let start = clock.millis();
    let report = engine.apply(&[pipeline("{\"a\": 2}")], &ApplyOptions::default(), &NoObserver).await.unwrap();
    assert_eq!(report.objects[0].outcome, Outcome::Failed);
    assert!(report.objects[0].message.contains("still shows another value of spec.pipelineDefinition"));
    assert!((30_000..200_000).contains(&(clock.millis() - start)), "{}", clock.millis() - start);
}

#[tokio::test]
async fn a_delete_or_stop_that_never_shows_is_told_after_a_while() {
    for (write, object, told) in [
        (
            "DeletePipeline",
            pipeline("{}"),
            "AWS took the delete and still shows the resource (it is Active); try again later",
        ),
        (
            "StopTrainingJob",
            training_job("mnist"),
            "AWS took the stop and still shows the resource (it is InProgress); try again later",
        ),
    ] {
        let (fake, clock, engine) = Fake::new();
        fake.fate("TrainingJob", 1_000_000, "Completed", None);
        let begin = ApplyOptions { wait: false, ..ApplyOptions::default() };
        engine.apply(from_ref(&object), &begin, &NoObserver).await.unwrap();
        let (sent, counted) = (Arc::new(AtomicUsize::new(0)), write);
        let calls = Arc::clone(&sent);
        let engine = hooked(&fake, &clock, move |_, operation, _| {
            (operation == counted).then(|| {
                calls.fetch_add(1, Ordering::SeqCst);
                Ok(json!({}))
            })
        });
        let report = engine.delete(from_ref(&object), &DeleteOptions::default(), &NoObserver).await.unwrap();
        let entry = &report.objects[0];
        assert_eq!(entry.outcome, Outcome::Failed, "{write}: {}", entry.message);
        assert!(entry.message.contains(told), "{write}: {}", entry.message);
        assert_eq!(sent.load(Ordering::SeqCst), 1, "{write}: it is not repeated");
    }
}

#[tokio::test]
async fn a_job_that_ends_while_it_is_stopped_is_no_failure() {
    for word in ["Completed", "Stopping"] {
        let (fake, clock, engine) = Fake::new();
        let now = ApplyOptions { wait: false, ..ApplyOptions::default() };
        engine.apply(&[training_job("mnist")], &now, &NoObserver).await.unwrap();
        let inner = Arc::clone(&fake);
        let engine = hooked(&fake, &clock, move |_, operation, _| {
            (operation == "StopTrainingJob").then(|| {
                inner.edit("training-job/mnist", |r| {
                    let end = if word == "Stopping" { "Stopped" } else { word };
                    r.script =
                        vec![(0, json!({"TrainingJobStatus": word})), (9_000, json!({"TrainingJobStatus": end}))];
                });
                let message = format!("The request was rejected because the training job is in status {word}.");
                Err(fail("ValidationException", &message))
            })
        });
        let report = engine.delete(&[training_job("mnist")], &DeleteOptions::default(), &NoObserver).await.unwrap();
        let entry = &report.objects[0];
        assert!(entry.outcome.is_ok(), "{word}: {}", entry.message);
        assert_ne!(entry.outcome, Outcome::Deleted);
    }
}

#[tokio::test]
async fn a_stop_that_is_refused_is_told() {
    let (fake, clock, engine) = Fake::new();
    fake.fate("TrainingJob", 100_000, "Completed", None);
    let now = ApplyOptions { wait: false, ..ApplyOptions::default() };
    engine.apply(&[training_job("mnist")], &now, &NoObserver).await.unwrap();
    let engine = hooked(&fake, &clock, |_, operation, _| {
        (operation == "StopTrainingJob").then(|| Err(fail("AccessDeniedException", "not yours")))
    });
    let report = engine.delete(&[training_job("mnist")], &DeleteOptions::default(), &NoObserver).await.unwrap();
    let entry = &report.objects[0];
    assert_eq!(entry.outcome, Outcome::Failed);
    assert!(entry.message.contains("not yours"), "{}", entry.message);
    assert_eq!(entry.object.status["trainingJobStatus"], "InProgress", "what is known is not forgotten");
}

#[tokio::test]
async fn what_another_made_between_the_look_and_the_create_is_seen() {
    for (make, create, message) in [
        (
            pipeline("{}"),
            "CreatePipeline",
            "Pipeline names must be unique within an AWS account and region. Pipeline with name (p) already exists.",
        ),
        (
            object("ModelPackageGroup", "g", json!({"modelPackageGroupName": "g"})),
            "CreateModelPackageGroup",
            "Model Package Group already exists: arn",
        ),
    ] {
        let (fake, clock, engine) = Fake::new();
        engine.apply(from_ref(&make), &ApplyOptions::default(), &NoObserver).await.unwrap();
        let read = format!("Describe{}", make.kind);
        let end = format!("/{}", make.metadata.name);
        fake.edit(&end, |r| drop(r.tags.insert("sagewright.dev/owner".into(), "other/p".into())));
        // The first looks do not show it yet.
        let looks = AtomicUsize::new(0);
        let engine = hooked(&fake, &clock, move |_, operation, _| {
            let early = operation == read && looks.fetch_add(1, Ordering::SeqCst) < 2;
            (operation == create)
                .then(|| Err(fail("ValidationException", message)))
                .or_else(|| early.then(|| Err(fail("ValidationException", "P p does not exist."))))
                .map(|a| {
                    if early && operation != create { Err(fail("ResourceNotFound", "P p does not exist.")) } else { a }
                })
        });
        let report = engine.apply(&[make], &ApplyOptions::default(), &NoObserver).await.unwrap();
        assert_eq!(report.objects[0].outcome, Outcome::Refused, "{}", report.objects[0].message);
        assert!(report.objects[0].message.contains("other/p"), "{}", report.objects[0].message);
    }
}

#[tokio::test]
async fn a_fingerprint_of_an_update_that_was_never_sent_is_not_kept() {
    let (fake, clock, engine) = Fake::new();
    let mut objects = tutorial();
    engine.apply(&objects, &ApplyOptions::default(), &NoObserver).await.unwrap();
    // An earlier update was rolled back, and its reason is still shown.
    fake.edit("endpoint/mnist", |r| r.doc["FailureReason"] = json!("an alarm went off"));
    let mut second = objects[1].clone();
    second.metadata.name = "mnist-2".into();
    second.spec["endpointConfigName"] = json!("mnist-2");
    objects.push(second);
    objects[0].spec = json!({"endpointName": "mnist", "endpointConfigName": "mnist-2"});
    let denied = hooked(&fake, &clock, |_, operation, _| {
        (operation == "UpdateEndpoint").then(|| Err(fail("AccessDeniedException", "not today")))
    });
    assert!(!denied.apply(&objects, &ApplyOptions::default(), &NoObserver).await.unwrap().is_ok());
    let report = engine.apply(&objects, &ApplyOptions::default(), &NoObserver).await.unwrap();
    let endpoint = report.objects.iter().find(|o| o.object.kind == "Endpoint").unwrap();
    assert_eq!(endpoint.outcome, Outcome::Updated, "{}", endpoint.message);
}

#[tokio::test]
async fn an_old_reason_that_is_still_shown_after_an_update_is_no_rollback() {
    let (fake, clock, engine) = Fake::new();
    let mut objects = tutorial();
    engine.apply(&objects, &ApplyOptions::default(), &NoObserver).await.unwrap();
    fake.edit("endpoint/mnist", |r| r.doc["FailureReason"] = json!("an alarm went off"));
    let mut second = objects[1].clone();
    second.metadata.name = "mnist-2".into();
    second.spec["endpointConfigName"] = json!("mnist-2");
    objects.push(second);
    objects[0].spec = json!({"endpointName": "mnist", "endpointConfigName": "mnist-2"});
    let engine = stale(&fake, &clock, "UpdateEndpoint", "DescribeEndpoint", 7_000);
    let report = engine.apply(&objects, &ApplyOptions::default(), &NoObserver).await.unwrap();
    let endpoint = report.objects.iter().find(|o| o.object.kind == "Endpoint").unwrap();
    assert_eq!(endpoint.outcome, Outcome::Updated, "{}", endpoint.message);
}

#[tokio::test]
async fn a_job_that_ends_while_it_is_changed_is_told_as_what_it_is() {
    let (fake, clock, engine) = Fake::new();
    let now = ApplyOptions { wait: false, ..ApplyOptions::default() };
    let mut job = training_job("mnist");
    engine.apply(from_ref(&job), &now, &NoObserver).await.unwrap();
    clock.sleep(Duration::from_secs(60)).await;
    let inner = Arc::clone(&fake);
    let engine = hooked(&fake, &clock, move |_, operation, _| {
        (operation == "UpdateTrainingJob").then(|| {
            inner.edit("training-job/mnist", |r| r.script = vec![(0, json!({"TrainingJobStatus": "Completed"}))]);
            Err(fail(
                "ValidationException",
                "The request was rejected because the training job is in status Completed.",
            ))
        })
    });
    job.spec["profilerConfig"] = json!({"s3OutputPath": "s3://b/p"});
    let report = engine.apply(from_ref(&job), &now, &NoObserver).await.unwrap();
    assert_eq!(report.objects[0].outcome, Outcome::Refused, "{}", report.objects[0].message);
    assert!(report.objects[0].message.contains("only while it runs"), "{}", report.objects[0].message);
}

#[tokio::test]
async fn time_that_runs_out_is_told_as_it_was() {
    let (_, clock, engine) = Fake::new();
    let options = ApplyOptions { timeout: Some(Duration::from_secs(40)), ..ApplyOptions::default() };
    let start = clock.millis();
    let report = engine.apply(&[training_job("a")], &options, &NoObserver).await.unwrap();
    assert_eq!(report.objects[0].outcome, Outcome::TimedOut);
    assert_eq!(clock.millis() - start, 40_000, "all of the time was given");
    let start = clock.millis();
    let limit = Some(Duration::from_secs(41));
    let error = engine.wait(find("TrainingJob").unwrap(), "a", &Until::Settled, limit, &NoObserver).await.unwrap_err();
    assert!(matches!(error, EngineError::Timeout { .. }));
    assert_eq!(clock.millis() - start, 41_000);
}

#[tokio::test]
async fn waits_for_what_a_finished_job_cannot_become_end() {
    let (fake, clock, engine) = Fake::new();
    engine.apply(&[training_job("a")], &ApplyOptions::default(), &NoObserver).await.unwrap();
    let looks = AtomicUsize::new(0);
    let engine = hooked(&fake, &clock, move |_, _, _| {
        (looks.fetch_add(1, Ordering::SeqCst) > 20).then(|| Err(fail("TooManyLooks", "it goes on for ever")))
    });
    for until in [Until::Status("Stopped".into()), Until::Deleted] {
        let error = engine.wait(find("TrainingJob").unwrap(), "a", &until, None, &NoObserver).await.unwrap_err();
        assert!(matches!(error, EngineError::Unreachable { .. }), "{error}");
    }
}

#[tokio::test]
async fn an_outage_of_a_minute_does_not_end_a_wait() {
    let (fake, clock, engine) = Fake::new();
    let now = ApplyOptions { wait: false, ..ApplyOptions::default() };
    engine.apply(&[training_job("a")], &now, &NoObserver).await.unwrap();
    let time = Arc::clone(&clock);
    let outage =
        hooked(&fake, &clock, move |_, _, _| (20_000..80_000).contains(&time.millis()).then(|| Err(slow_down())));
    let waited = outage.wait(find("TrainingJob").unwrap(), "a", &Until::Settled, None, &NoObserver).await;
    assert!(waited.is_ok(), "{}", waited.unwrap_err());
    let (fake, clock, _) = Fake::new();
    let time = Arc::clone(&clock);
    let outage =
        hooked(&fake, &clock, move |_, _, _| (20_000..80_000).contains(&time.millis()).then(|| Err(slow_down())));
    let report = outage.apply(&[training_job("a")], &ApplyOptions::default(), &NoObserver).await.unwrap();
    assert_eq!(report.objects[0].outcome, Outcome::Created, "{}", report.objects[0].message);
    let always = hooked(&fake, &clock, |_, _, _| Some(Err(slow_down())));
    assert!(always.wait(find("TrainingJob").unwrap(), "a", &Until::Settled, None, &NoObserver).await.is_err());
}

#[tokio::test]
async fn a_service_that_is_there_is_waited_for_from_the_first_call_on() {
    let broken = |code: &str| CloudError { stage: Stage::Transport, status: None, ..fail(code, "it broke") };
    let error = CloudError { status: Some(500), ..fail("InternalFailure", "oops") };
    for (error, borne) in [
        (error, true),
        (broken("AnswerBroken"), true),
        (broken("ConnectionBroken"), true),
        (broken("ConnectionFailed"), false),
    ] {
        let (fake, clock, _) = Fake::new();
        let (time, told) = (Arc::clone(&clock), error.clone());
        let begun = clock.millis();
        let engine = hooked(&fake, &clock, move |_, operation, _| {
            (operation.starts_with("Describe") && time.millis() - begun < 30_000).then(|| Err(error.clone()))
        });
        let report = engine.apply(&[training_job("a")], &ApplyOptions::default(), &NoObserver).await.unwrap();
        assert_eq!(report.is_ok(), borne, "{told}: {}", report.objects[0].message);
    }
}

#[tokio::test]
async fn a_service_that_cannot_be_reached_is_told_soon_and_one_that_asks_for_patience_gets_some() {
    let unreachable = CloudError { stage: Stage::Transport, status: None, ..fail("TimedOut", "no answer") };
    let hours = CloudError { retry_after: Some(Duration::from_secs(1_000_000)), ..slow_down() };
    for (error, looks, longest) in [(unreachable, 2, 1_000), (slow_down(), 5, 10_000), (hours, 5, 240_000)] {
        let (fake, clock, _) = Fake::new();
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        let engine = hooked(&fake, &clock, move |_, _, _| {
            counted.fetch_add(1, Ordering::SeqCst);
            Some(Err(error.clone()))
        });
        let start = clock.millis();
        engine.get(find("Model").unwrap(), Some("m")).await.unwrap_err();
        assert_eq!(calls.load(Ordering::SeqCst), looks);
        assert!(clock.millis() - start <= longest, "{} ms", clock.millis() - start);
    }
}

#[tokio::test]
async fn failed_calls_leave_conditions_that_say_whether_to_try_again() {
    for (error, kind) in [
        (fail("InvalidParameterValue", "not so"), conditions::TERMINAL),
        (fail("AccessDeniedException", "not yours"), conditions::RECOVERABLE),
        (fail("ResourceLimitExceeded", "too many"), conditions::RECOVERABLE),
        (slow_down(), conditions::RECOVERABLE),
    ] {
        let (fake, clock, _) = Fake::new();
        let text = error.message.clone();
        let engine = hooked(&fake, &clock, move |_, operation, _| {
            (operation == "CreateTrainingJob").then(|| Err(error.clone()))
        });
        let report = engine.apply(&[training_job("a")], &ApplyOptions::default(), &NoObserver).await.unwrap();
        let all = conditions::read(&report.objects[0].object.status);
        let of = |kind: &str| all.iter().find(|c| c.kind == kind).unwrap_or_else(|| panic!("{kind}: {all:?}"));
        assert_eq!(of(kind).status, ConditionStatus::True);
        assert!(of(kind).message.as_ref().unwrap().contains(&text), "{all:?}");
        assert_eq!(of(conditions::READY).status, ConditionStatus::False);
        assert_eq!(of(conditions::SYNCED).status, ConditionStatus::False);
    }
}

/// Counts the creates that are told as done.
#[derive(Default)]
struct Creates(AtomicUsize);

impl Observer for Creates {
    fn event(&self, event: &Event) {
        if matches!(event.what, EventKind::Done { step: Step::Create { .. } }) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
}

#[tokio::test]
async fn a_create_whose_answer_was_lost_is_found_again() {
    let (fake, clock, _) = Fake::new();
    let (inner, lost) = (Arc::clone(&fake), AtomicUsize::new(0));
    let engine = hooked(&fake, &clock, move |_, operation, input| {
        (operation == "CreateTrainingJob" && lost.fetch_add(1, Ordering::SeqCst) == 0).then(|| {
            inner.peek(operation, input).unwrap();
            Err(CloudError { stage: Stage::Transport, status: None, ..fail("ConnectionReset", "no answer") })
        })
    });
    let creates = Creates::default();
    let report = engine.apply(&[training_job("a")], &ApplyOptions::default(), &creates).await.unwrap();
    assert_eq!(report.objects[0].outcome, Outcome::Created, "{}", report.objects[0].message);
    assert_eq!((fake.count("TrainingJob"), creates.0.load(Ordering::SeqCst)), (1, 1));
}
