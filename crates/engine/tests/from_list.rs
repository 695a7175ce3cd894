//! One object at a time, with what a poll of the listing says in place of looks.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;
use std::time::Duration;

use crate::support::*;
use sagewright_engine::reconcile::{Memory, Progress, Reconciled, Scope};
use sagewright_engine::watch::{Change, Watch};
use sagewright_engine::{Clock, Cloud, CloudError, Desired, Engine, Intent, Object, Outcome, Priority, Stage, Target};
use serde_json::json;

/// A controller of models: what it has, and what it remembers of the one object at hand.
struct Controller {
    fake: Arc<Fake>,
    clock: Arc<TestClock>,
    engine: Engine,
    scope: Scope,
    watch: Watch,
    memory: Memory,
}

impl Controller {
    fn new() -> Self {
        let (fake, clock, engine) = Fake::new();
        let target = Target::new(REGION.parse().unwrap());
        let kind = sagewright_kinds::find("model").unwrap();
        let cloud = Arc::clone(&fake) as Arc<dyn Cloud>;
        let watch = Watch::new(cloud, Arc::clone(&clock) as Arc<dyn Clock>, target.clone(), kind);
        let scope = Scope { target, claims: Arc::default(), priority: Priority::default() };
        Self { fake, clock, engine, scope, watch, memory: Memory::default() }
    }

    async fn poll(&mut self) -> Vec<Change> {
        let changes = self.watch.poll().await.unwrap();
        self.fake.take_log(false);
        changes
    }

    /// One look; gives the operations that it called.
    async fn look(&mut self, object: &mut Object, intent: Intent) -> (Reconciled, Vec<String>) {
        let kind = object.row().unwrap();
        let desired = Desired { intent, ..Desired::new(kind, object).unwrap() };
        let listed = self.watch.observation(&desired.name(kind).unwrap());
        let step =
            self.engine.reconcile_from_list(&self.scope, &desired, &mut self.memory, &NoReferences, listed.as_ref());
        let done = step.await;
        object.status = done.status.clone();
        let called = self.fake.take_log(false);
        (done, called.iter().map(|call| call.split_whitespace().next().unwrap().to_owned()).collect())
    }

    async fn pass(&self, seconds: u64) {
        self.clock.sleep(Duration::from_secs(seconds)).await;
    }
}

fn model(name: &str) -> Object {
    object("Model", "fraud", json!({"modelName": name, "executionRoleARN": "arn:aws:iam::123456789012:role/r"}))
}

/// The calls that are no search for marks.
fn plain(calls: &[String]) -> Vec<&str> {
    calls.iter().map(String::as_str).filter(|call| !["GetResources", "ListModels"].contains(call)).collect()
}

#[tokio::test]
async fn what_is_not_listed_is_created_by_one_call() {
    let mut controller = Controller::new();
    let mut fraud = model("fraud");
    controller.poll().await;
    let (done, calls) = controller.look(&mut fraud, Intent::Present).await;
    assert_eq!(plain(&calls), ["CreateModel"]);
    assert_eq!((done.progress, done.outcome), (Progress::Done, Some(Outcome::Created)), "{}", done.message);
    assert!(fraud.arn().unwrap().ends_with("model/fraud"));
    assert_eq!(done.conditions.iter().find(|c| c.kind == "Ready").unwrap().status.to_string(), "True");
    assert_eq!(done.requeue, Some(Duration::from_secs(36_000)));
    assert_eq!(done.changes.iter().filter(|change| change.path == "spec.modelName").count(), 1);
    // The marks were read for all objects of the poll.
    let mut calls = Vec::new();
    for name in ["a", "b", "c", "d", "e"] {
        let mut other = model(name);
        name.clone_into(&mut other.metadata.name);
        controller.memory = Memory::default();
        calls = controller.look(&mut other, Intent::Present).await.1;
    }
    assert_eq!(calls, ["CreateModel"]);
}

#[tokio::test]
async fn the_listing_shows_what_a_create_made_and_later_that_it_is_gone() {
    let mut controller = Controller::new();
    let mut fraud = model("fraud");
    controller.poll().await;
    controller.look(&mut fraud, Intent::Present).await;
    // Reads may lag behind the create: an older poll does not make a second one.
    let (done, calls) = controller.look(&mut fraud, Intent::Present).await;
    assert_eq!((done.outcome, plain(&calls)), (Some(Outcome::Unchanged), vec!["DescribeModel", "ListTags"]));
    controller.fake.edit("model/fraud", |model| model.gone_at = Some(0));
    controller.memory = Memory::default();
    fraud.status = json!({});
    controller.poll().await;
    controller.look(&mut fraud, Intent::Present).await;
    let text = serde_json::to_string(&controller.memory).unwrap();
    assert!(text.contains("\"a\":true"), "the answer alone was seen: {text}");
    let changes = controller.poll().await;
    let [Change::Shown(shown)] = changes.as_slice() else { panic!("{changes:?}") };
    let made = |seconds: i64| {
        let at = controller.clock.now().as_second() + seconds;
        controller.memory.has_made(jiff::Timestamp::from_second(at).ok())
    };
    assert_eq!((made(0), made(59), made(3600), made(-3600)), (true, true, false, false), "{shown:?}");
    // Somebody deleted it within the minute: a look waits, for reads may lag behind, and makes it anew in the end.
    controller.fake.edit("model/fraud", |model| model.gone_at = Some(0));
    let (done, _) = controller.look(&mut fraud, Intent::Present).await;
    assert_eq!(done.progress, Progress::Unseen);
    controller.pass(61).await;
    let (done, _) = controller.look(&mut fraud, Intent::Present).await;
    assert_eq!(done.outcome, Some(Outcome::Created), "{}", done.message);
}

#[tokio::test]
async fn a_create_that_answers_that_it_exists_leads_to_a_look() {
    let mut controller = Controller::new();
    let mut fraud = model("fraud");
    controller.poll().await;
    // Made by somebody after the poll.
    let input = json!({"ModelName": "fraud", "ExecutionRoleArn": "arn:aws:iam::123456789012:role/r"});
    controller.fake.peek("CreateModel", &input).unwrap();
    let (done, calls) = controller.look(&mut fraud, Intent::Present).await;
    // The tags of what is young were read in search of marks.
    assert_eq!((done.progress, plain(&calls)), (Progress::Wrote, vec!["ListTags", "CreateModel"]));
    let (done, calls) = controller.look(&mut fraud, Intent::Present).await;
    assert_eq!((done.outcome, plain(&calls)), (Some(Outcome::Refused), vec!["DescribeModel", "ListTags"]));
    assert_eq!(controller.fake.count("Model"), 1);
}

#[tokio::test]
async fn a_create_whose_answer_was_lost_leads_to_a_look() {
    let mut controller = Controller::new();
    let mut fraud = model("fraud");
    controller.poll().await;
    let lost = CloudError::new("sagemaker", "CreateModel", Stage::Transport, "Timeout", "no answer");
    controller.fake.fault("CreateModel", lost);
    let (done, _) = controller.look(&mut fraud, Intent::Present).await;
    assert_eq!(done.progress, Progress::Retry);
    let (done, calls) = controller.look(&mut fraud, Intent::Present).await;
    assert_eq!((done.outcome, plain(&calls)), (Some(Outcome::Created), vec!["DescribeModel", "CreateModel"]));
}

#[tokio::test]
async fn a_renamed_object_is_told_so_without_a_second_resource() {
    let mut controller = Controller::new();
    controller.poll().await;
    controller.look(&mut model("fraud"), Intent::Present).await;
    // With its status, and without: a restart may have lost it.
    for lost in [false, true] {
        let mut renamed = model("fraud-2");
        if !lost {
            renamed.status = json!({"ackResourceMetadata": {"arn": controller.fake.resource("model/fraud").map(|_|
                format!("arn:aws:sagemaker:{REGION}:{ACCOUNT}:model/fraud")).unwrap()}});
        }
        controller.memory = Memory::default();
        controller.pass(301).await;
        controller.poll().await;
        let (done, _) = controller.look(&mut renamed, Intent::Present).await;
        assert_eq!(done.outcome, Some(Outcome::Refused), "{}", done.message);
        assert!(done.message.contains("already has the model `fraud`"), "{}", done.message);
    }
    assert_eq!(controller.fake.count("Model"), 1);
}

#[tokio::test]
async fn what_was_deleted_is_gone_when_it_is_no_longer_listed() {
    let mut controller = Controller::new();
    let mut fraud = model("fraud");
    controller.poll().await;
    controller.look(&mut fraud, Intent::Present).await;
    controller.poll().await;
    controller.memory = Memory::default();
    let (done, calls) = controller.look(&mut fraud, Intent::Absent).await;
    assert_eq!(
        (done.outcome, plain(&calls)),
        (Some(Outcome::Deleted), vec!["DescribeModel", "ListTags", "DeleteModel"])
    );
    controller.pass(1).await;
    controller.watch.want_whole();
    assert!(matches!(controller.poll().await.as_slice(), [Change::Gone(_)]));
    let (done, calls) = controller.look(&mut fraud, Intent::Absent).await;
    assert_eq!((done.progress, done.outcome), (Progress::Done, Some(Outcome::Unchanged)));
    assert!(calls.is_empty(), "{calls:?}");
}

#[tokio::test]
async fn without_a_finished_poll_there_is_no_observation() {
    let mut controller = Controller::new();
    assert!(controller.watch.observation("fraud").is_none());
    controller.fake.fault("ListModels", CloudError::new("sagemaker", "", Stage::Service, "AccessDenied", "no"));
    assert!(controller.watch.poll().await.is_err());
    assert!(controller.watch.observation("fraud").is_none());
    controller.poll().await;
    assert!(controller.watch.observation("fraud").is_some());
    // Without one, a look is as ever: before and after the create.
    let mut fraud = model("fraud");
    let desired = Desired::new(fraud.row().unwrap(), &fraud).unwrap();
    let done = controller.engine.reconcile(&controller.scope, &desired, &mut controller.memory, &NoReferences).await;
    assert_eq!(done.progress, Progress::Wrote);
    assert_eq!(controller.fake.take_log(false)[0].split_whitespace().next(), Some("DescribeModel"));
    fraud.status = done.status;
}

#[tokio::test]
async fn a_mark_that_is_taken_away_long_after_the_create_is_heeded() {
    let mut controller = Controller::new();
    let mut fraud = model("fraud");
    controller.poll().await;
    let (done, _) = controller.look(&mut fraud, Intent::Present).await;
    assert_eq!((done.progress, done.outcome), (Progress::Done, Some(Outcome::Created)), "{}", done.message);
    controller.pass(2 * 86_400).await;
    controller.fake.edit("model/fraud", |r| r.tags.clear());
    controller.poll().await;
    fraud.spec["tags"] = json!([{"key": "team", "value": "vision"}]);
    let (done, calls) = controller.look(&mut fraud, Intent::Present).await;
    assert_eq!(done.outcome, Some(Outcome::Refused), "{}", done.message);
    assert!(!calls.iter().any(|call| call == "AddTags"), "{calls:?}");
}
