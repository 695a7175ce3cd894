//! What is remembered between two looks: how long it counts, and for what.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::slice::from_ref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::*;
use sagewright_engine::cloud::{CloudError, Stage};
use sagewright_engine::reconcile::{Memory, Progress, Reconciled, Scope};
use sagewright_engine::{
    ApplyOptions, Call, Clock, Cloud, Desired, Engine, EventKind, Intent, NoObserver, Object, Outcome, Priority,
    Target, keys,
};
use serde_json::{Value, json};

fn scope() -> Scope {
    Scope { target: Target::new(REGION.parse().unwrap()), claims: Arc::default(), priority: Priority::default() }
}

/// A controller of one object.
struct Controller {
    engine: Engine,
    object: Object,
    memory: Memory,
}

impl Controller {
    fn new(engine: Engine, object: Object) -> Self {
        Self { engine, object, memory: Memory::default() }
    }

    async fn look(&mut self, intent: Intent) -> Reconciled {
        let kind = self.object.row().unwrap();
        let desired = Desired { intent, ..Desired::new(kind, &self.object).unwrap() };
        let done = self.engine.reconcile(&scope(), &desired, &mut self.memory, &NoReferences).await;
        self.object.status = done.status.clone();
        let kept = serde_json::to_string(&self.memory).unwrap();
        assert!(kept.len() < 200, "{kept}");
        done
    }
}

async fn pass(clock: &TestClock, seconds: u64) {
    clock.sleep(Duration::from_secs(seconds)).await;
}

fn model() -> Object {
    object("Model", "m", json!({"modelName": "m", "executionRoleARN": ROLE}))
}

fn pipeline(definition: &str) -> Object {
    object("Pipeline", "p", json!({"pipelineName": "p", "roleARN": ROLE, "pipelineDefinition": definition}))
}

fn endpoint(config: &str) -> Object {
    object("Endpoint", "e", json!({"endpointName": "e", "endpointConfigName": config}))
}

fn no_answer() -> CloudError {
    CloudError { stage: Stage::Transport, status: None, ..fail("ConnectionReset", "no answer") }
}

#[tokio::test]
async fn a_create_whose_answer_was_lost_is_ours_although_its_tags_show_later() {
    // (the create arrives, another's is there, what it comes to)
    for (arrives, other, outcome) in
        [(true, None, Outcome::Created), (false, Some(false), Outcome::Refused), (false, Some(true), Outcome::Refused)]
    {
        let (fake, clock, _) = Fake::new();
        let (inner, time, lost) = (Arc::clone(&fake), Arc::clone(&clock), AtomicBool::new(false));
        let engine = hooked(&fake, &clock, move |_, operation, input| match operation {
            "CreateModel" if !lost.swap(true, Ordering::SeqCst) => {
                if arrives {
                    inner.peek(operation, input).unwrap();
                } else {
                    inner.peek(operation, &json!({"ModelName": "m", "ExecutionRoleArn": ROLE})).unwrap();
                }
                if other == Some(true) {
                    inner.edit("model/m", |r| drop(r.tags.insert(keys::OWNER.into(), "default/default/n".into())));
                }
                Some(Err(no_answer()))
            }
            "ListTags" if time.millis() < 10_000 && arrives => Some(Ok(json!({"Tags": []}))),
            _ => None,
        });
        let lines = Lines::default();
        let report = engine.apply(&[model()], &ApplyOptions::default(), &lines).await.unwrap();
        assert_eq!(report.objects[0].outcome, outcome, "{arrives} {other:?}: {}", report.objects[0].message);
        let told = lines.0.lock().unwrap().iter().any(|line| line.ends_with("done create"));
        assert_eq!(told, arrives, "{other:?}: {:?}", lines.0.lock().unwrap());
        assert_eq!(fake.count("Model"), 1);
    }
}

#[tokio::test]
async fn a_resource_is_adopted_once_although_its_mark_shows_later() {
    let (fake, clock, _) = Fake::new();
    fake.peek("CreateModel", &json!({"ModelName": "m", "ExecutionRoleArn": ROLE})).unwrap();
    let (inner, time, marked) = (Arc::clone(&fake), Arc::clone(&clock), Mutex::new(None));
    let engine = hooked(&fake, &clock, move |_, operation, input| {
        let mut marked = marked.lock().unwrap();
        match operation {
            "AddTags" => {
                marked.get_or_insert(time.millis());
                None
            }
            "ListTags" if marked.is_some_and(|at| time.millis() < at + 10_000) => Some(Ok(json!({"Tags": []}))),
            "ListTags" => Some(inner.peek(operation, input)),
            _ => None,
        }
    });
    let mut object = model();
    object.metadata.annotations.insert(keys::ADOPTION_POLICY.into(), "adopt".into());
    let report = engine.apply(from_ref(&object), &ApplyOptions::default(), &NoObserver).await.unwrap();
    assert_eq!(report.objects[0].outcome, Outcome::Adopted, "{}", report.objects[0].message);
    assert_eq!(fake.take_log(true).iter().filter(|call| call.starts_with("AddTags")).count(), 1);
}

#[tokio::test]
async fn a_mark_that_never_shows_is_told_and_not_written_twice() {
    let (fake, clock, _) = Fake::new();
    fake.peek("CreateEndpoint", &json!({"EndpointName": "e", "EndpointConfigName": "c"})).unwrap();
    pass(&clock, 100).await;
    let (inner, time, updated) = (Arc::clone(&fake), Arc::clone(&clock), Mutex::new(None));
    let engine = hooked(&fake, &clock, move |_, operation, input| {
        let mut updated = updated.lock().unwrap();
        match operation {
            "UpdateEndpoint" => updated.get_or_insert(time.millis()),
            "ListTags" => return Some(Ok(json!({"Tags": []}))),
            // The update takes longer than a mark may take to show.
            "DescribeEndpoint" if updated.is_some_and(|at| time.millis() < at + 100_000) => {
                let mut shown = inner.peek(operation, input).unwrap();
                shown["EndpointStatus"] = json!("Updating");
                return Some(Ok(shown));
            }
            _ => return None,
        };
        None
    });
    let mut object = endpoint("d");
    object.metadata.annotations.insert(keys::ADOPTION_POLICY.into(), "adopt-or-create".into());
    let report = engine.apply(from_ref(&object), &ApplyOptions::default(), &NoObserver).await.unwrap();
    let entry = &report.objects[0];
    assert_eq!(entry.outcome, Outcome::Failed, "{}", entry.message);
    let why = "AWS took the owner's mark and does not show it (it is InService)";
    assert!(entry.message.contains(why), "{}", entry.message);
    let marks = |call: &&String| call.starts_with("AddTags") && call.contains(keys::OWNER);
    assert_eq!(fake.take_log(true).iter().filter(marks).count(), 1);
}

#[tokio::test]
async fn a_name_that_is_taken_and_never_shown_is_told_as_that() {
    let (fake, clock, _) = Fake::new();
    let engine = hooked(&fake, &clock, |_, operation, _| {
        (operation == "CreatePipeline")
            .then(|| Err(fail("ValidationException", "Pipeline with name (p) already exists.")))
    });
    let report = engine.apply(&[pipeline("{}")], &ApplyOptions::default(), &NoObserver).await.unwrap();
    let entry = &report.objects[0];
    assert_eq!(entry.outcome, Outcome::Failed);
    assert!(entry.message.contains("already exists") && entry.message.contains("another name"), "{}", entry.message);
    assert!((60_000..150_000).contains(&clock.millis()), "{} ms", clock.millis());
    // Reads that lag behind for most of that time are waited for.
    let (fake, clock, engine) = Fake::new();
    engine.apply(&[pipeline("{}")], &ApplyOptions::default(), &NoObserver).await.unwrap();
    let (start, time) = (clock.millis(), Arc::clone(&clock));
    let engine = hooked(&fake, &clock, move |_, operation, _| match operation {
        "DescribePipeline" if time.millis() < start + 50_000 => {
            Some(Err(fail("ResourceNotFound", "Pipeline 'p' does not exist.")))
        }
        "CreatePipeline" => Some(Err(fail("ValidationException", "Pipeline with name (p) already exists."))),
        _ => None,
    });
    let report = engine.apply(&[pipeline("{}")], &ApplyOptions::default(), &NoObserver).await.unwrap();
    assert!(report.is_ok(), "{}", report.objects[0].message);
}

#[tokio::test]
async fn a_declaration_that_goes_back_to_what_it_was_is_sent_again() {
    let tagged = |team: &str| {
        let mut object = pipeline("{}");
        object.spec["tags"] = json!([{"key": "team", "value": team}]);
        object
    };
    let definition = |a: &str| pipeline(&format!("{{\"a\": \"{a}\"}}"));
    for (declares_tags, operation) in [(false, "UpdatePipeline"), (true, "AddTags")] {
        let declare = |value: &str| if declares_tags { tagged(value) } else { definition(value) };
        let (fake, clock, engine) = Fake::new();
        let mut controller = Controller::new(engine, declare("zero"));
        for _ in 0..2 {
            controller.look(Intent::Present).await;
        }
        fake.take_log(true);
        for value in ["one", "two", "one"] {
            pass(&clock, 1).await;
            controller.object.spec = declare(value).spec;
            let done = controller.look(Intent::Present).await;
            assert_eq!((done.progress, done.outcome), (Progress::Wrote, Some(Outcome::Updated)), "{operation} {value}");
        }
        let sent = fake.take_log(true);
        assert_eq!(sent.iter().filter(|call| call.starts_with(operation)).count(), 3, "{sent:?}");
        assert_eq!(controller.look(Intent::Present).await.progress, Progress::Done);
    }
}

#[tokio::test]
async fn what_was_seen_and_is_gone_is_not_a_create_that_is_not_shown() {
    // (created so long ago, to be there or to go, what the look comes to)
    for (age, intent, progress, outcome) in [
        (300, Intent::Present, Progress::Wrote, Outcome::Created),
        (300, Intent::Absent, Progress::Done, Outcome::Unchanged),
    ] {
        for looks in [0, 1, 2] {
            // What was never shown is told, for a person to look.
            if looks == 0 && intent == Intent::Present {
                continue;
            }
            let (fake, clock, engine) = Fake::new();
            fake.fate("Endpoint", 3_600, "InService", None);
            let mut controller = Controller::new(engine, endpoint("c"));
            controller.look(Intent::Present).await;
            for _ in 0..looks {
                pass(&clock, 1).await;
                assert!(matches!(controller.look(Intent::Present).await.progress, Progress::Waiting { .. }));
            }
            pass(&clock, age).await;
            fake.edit("endpoint/e", |r| r.gone_at = Some(0));
            let done = controller.look(intent).await;
            assert_eq!((done.progress, done.outcome), (progress, Some(outcome)), "{looks}: {}", done.message);
        }
    }
}

#[tokio::test]
async fn what_somebody_made_after_our_delete_is_theirs() {
    let (fake, clock, engine) = Fake::new();
    let mut controller = Controller::new(engine, pipeline("{}"));
    for _ in 0..2 {
        controller.look(Intent::Present).await;
    }
    assert_eq!(controller.look(Intent::Absent).await.outcome, Some(Outcome::Deleted));
    pass(&clock, 20).await;
    let input = json!({"PipelineName": "p", "RoleArn": ROLE, "PipelineDefinition": "{}", "ClientRequestToken": "t"});
    fake.peek("CreatePipeline", &input).unwrap();
    fake.edit("pipeline/p", |r| r.doc["CreationTime"] = json!("2026-01-01T00:00:20Z"));
    fake.take_log(true);
    let done = controller.look(Intent::Absent).await;
    assert_eq!(done.outcome, Some(Outcome::Refused), "{}", done.message);
    assert!(fake.take_log(true).is_empty());
}

#[tokio::test]
async fn another_resource_in_the_same_status_is_not_what_is_waited_for() {
    let (fake, clock, engine) = Fake::new();
    fake.fate("Endpoint", 3_600, "InService", None);
    let mut controller = Controller::new(engine, endpoint("c"));
    for _ in 0..2 {
        controller.look(Intent::Present).await;
    }
    pass(&clock, 100).await;
    // Deleted and made again by another, within one pause.
    fake.edit("endpoint/e", |r| {
        r.doc["CreationTime"] = json!("2026-01-01T00:01:00Z");
        r.tags.insert(keys::OWNER.into(), "default/default/other".into());
    });
    let done = controller.look(Intent::Present).await;
    assert_eq!(done.outcome, Some(Outcome::Refused), "{done:?}");
}

#[tokio::test]
async fn a_reason_that_aws_no_longer_gives_is_not_shown() {
    let (fake, clock, engine) = Fake::new();
    let mut controller = Controller::new(engine, endpoint("c"));
    for _ in 0..3 {
        controller.look(Intent::Present).await;
        pass(&clock, 100).await;
    }
    fake.edit("endpoint/e", |r| r.doc["FailureReason"] = json!("an alarm went off"));
    controller.look(Intent::Present).await;
    assert_eq!(controller.object.status["failureReason"], "an alarm went off");
    let conditions = controller.object.status["conditions"].clone();
    controller.object.spec = endpoint("d").spec;
    assert_eq!(controller.look(Intent::Present).await.outcome, Some(Outcome::Updated));
    for complete in [true, false] {
        let done = controller.look(Intent::Present).await;
        assert!(matches!(done.progress, Progress::Waiting { .. }));
        assert_eq!(done.status.get("failureReason"), None, "complete: {complete}");
        assert!(done.status["ackResourceMetadata"]["arn"].is_string() && conditions.is_array());
        assert_eq!(done.spec.is_some(), complete, "a look at the status alone shows no spec");
    }
}

#[tokio::test]
async fn what_was_done_in_the_future_is_not_waited_for() {
    let (fake, clock, engine) = Fake::new();
    pass(&clock, 10_000).await;
    fake.fate("Endpoint", 3_600, "InService", None);
    let mut controller = Controller::new(engine, endpoint("c"));
    for _ in 0..2 {
        controller.look(Intent::Present).await;
    }
    // The next look is made where the clock is behind.
    clock.set(1_000);
    fake.edit("endpoint/e", |r| r.gone_at = Some(0));
    let done = controller.look(Intent::Present).await;
    assert_eq!(done.outcome, Some(Outcome::Created), "{:?} {}", done.progress, done.message);
}

/// Keeps how urgent calls were.
struct Urgency(Arc<Fake>, Mutex<Vec<(String, Priority)>>);

#[async_trait::async_trait]
impl Cloud for Urgency {
    async fn call(&self, call: Call) -> Result<Value, CloudError> {
        self.1.lock().unwrap().push((call.operation.clone(), call.priority));
        self.0.call(call).await
    }
}

#[tokio::test]
async fn a_controller_says_how_urgent_its_looks_are() {
    for priority in [Priority::Background, Priority::Interactive] {
        let (fake, clock, _) = Fake::new();
        let urgency = Arc::new(Urgency(fake, Mutex::default()));
        let engine = Engine::new(Arc::clone(&urgency) as Arc<dyn Cloud>, clock, scope().target);
        let mut memory = Memory::default();
        let object = training_job("t");
        let desired = Desired::new(object.row().unwrap(), &object).unwrap();
        let scope = Scope { priority, ..scope() };
        for _ in 0..3 {
            engine.reconcile(&scope, &desired, &mut memory, &NoReferences).await;
        }
        let calls = urgency.1.lock().unwrap();
        let of = |name: &str| calls.iter().filter(|(call, _)| call == name).map(|(_, p)| *p).collect::<Vec<_>>();
        assert_eq!(of("CreateTrainingJob"), [Priority::Interactive], "what is sent goes first");
        assert_eq!(of("DescribeTrainingJob"), [priority, priority, Priority::Progress], "{calls:?}");
    }
}

#[tokio::test]
async fn a_create_that_was_refused_tells_no_create() {
    // The name is taken, and by whom shows at the next look.
    let (fake, clock, engine) = Fake::new();
    fake.peek("CreateModel", &json!({"ModelName": "m", "ExecutionRoleArn": ROLE})).unwrap();
    fake.edit("model/m", |r| drop(r.tags.insert(keys::OWNER.into(), "default/default/n".into())));
    let early = AtomicBool::new(true);
    let engine = {
        drop(engine);
        hooked(&fake, &clock, move |_, operation, _| {
            (operation == "DescribeModel" && early.swap(false, Ordering::SeqCst))
                .then(|| Err(fail("ValidationException", "Could not find model \"m\".")))
        })
    };
    let mut controller = Controller::new(engine, model());
    controller.look(Intent::Present).await;
    let done = controller.look(Intent::Present).await;
    assert_eq!(done.outcome, Some(Outcome::Refused), "{}", done.message);
    assert!(!done.events.iter().any(|e| matches!(e.what, EventKind::Done { .. })), "{:?}", done.events);
}
