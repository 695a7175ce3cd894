//! The transition function: a table of lives, and any order of events.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::state::{Attempt, Done, End, Phase, State, Status};
use super::step::{Effect, Event};
use crate::definition::Definition;
use crate::definition::retry::Exception;

fn state(steps: &Value, limit: Option<u32>) -> State {
    let text = json!({"Version": "2020-12-01", "Steps": steps}).to_string();
    State::new(&Definition::parse(&text).unwrap(), limit, "seed".into(), 0)
}

fn job(name: &str, needs: &[&str]) -> Value {
    json!({"Name": name, "Type": "Training", "DependsOn": needs, "Arguments": {}})
}

fn choice(name: &str, needs: &[&str], then: &[Value], otherwise: &[Value]) -> Value {
    json!({"Name": name, "Type": "Condition", "DependsOn": needs, "Arguments": {"Conditions": [], "IfSteps": then, "ElseSteps": otherwise}})
}

/// An execution under a test's control.
struct Life {
    state: State,
    now: i64,
}

impl Life {
    fn new(steps: &Value, limit: Option<u32>) -> (Self, Vec<Effect>) {
        let mut life = Self { state: state(steps, limit), now: 1000 };
        let effects = life.tell(&Event::Created);
        (life, effects)
    }

    fn tell(&mut self, event: &Event) -> Vec<Effect> {
        self.state.take(event, self.now).unwrap()
    }

    fn at(&self, name: &str) -> Attempt {
        let step = self.state.nodes.iter().position(|node| node.name == name).unwrap();
        Attempt { step, number: self.state.steps[step].attempt }
    }

    fn began(&mut self, name: &str) -> Vec<Effect> {
        let done = Done { resource: Some(name.into()), arn: Some(format!("arn:{name}")), ..Done::default() };
        self.tell(&Event::Began(self.at(name), done))
    }

    fn succeeded(&mut self, name: &str) -> Vec<Effect> {
        self.tell(&Event::Ended(self.at(name), End::Succeeded(Done::default())))
    }

    fn decided(&mut self, name: &str, outcome: bool) -> Vec<Effect> {
        let done = Done { outcome: Some(outcome), ..Done::default() };
        self.tell(&Event::Ended(self.at(name), End::Succeeded(done)))
    }

    fn failed(&mut self, name: &str, exception: Exception) -> Vec<Effect> {
        let end = End::Failed { exception, reason: Some("why".into()), done: Done::default() };
        self.tell(&Event::Ended(self.at(name), end))
    }

    fn phases(&self) -> Vec<(&str, Phase)> {
        self.state.nodes.iter().zip(&self.state.steps).map(|(node, step)| (node.name.as_str(), step.phase)).collect()
    }

    fn phase(&self, name: &str) -> Phase {
        self.state.steps[self.at(name).step].phase
    }
}

fn begin(step: usize, number: u32) -> Effect {
    Effect::Begin(Attempt { step, number })
}

#[test]
fn steps_start_when_all_that_they_need_has_succeeded() {
    let (mut life, effects) =
        Life::new(&json!([job("A", &[]), job("B", &["A"]), job("C", &["A", "D"]), job("D", &[])]), None);
    assert_eq!(effects, [begin(0, 1), begin(3, 1)]);
    assert_eq!(life.began("A"), [Effect::Watch(Attempt { step: 0, number: 1 })]);
    assert_eq!(life.succeeded("A"), [begin(1, 1)]);
    assert_eq!(life.succeeded("A"), [], "told twice");
    assert_eq!(life.succeeded("D"), [begin(2, 1)]);
    life.succeeded("B");
    assert_eq!(life.state.status, Status::Executing);
    life.succeeded("C");
    assert_eq!((life.state.status, &life.state.reason), (Status::Succeeded, &None));
}

#[test]
fn no_more_steps_run_than_may() {
    let (mut life, effects) = Life::new(&json!([job("A", &[]), job("B", &[]), job("C", &[]), job("D", &[])]), Some(2));
    assert_eq!(effects, [begin(0, 1), begin(1, 1)]);
    assert_eq!(life.succeeded("B"), [begin(2, 1)]);
    assert_eq!(life.tell(&Event::Limit(3)), [begin(3, 1)]);
}

#[test]
fn the_branch_that_is_not_taken_is_skipped_with_all_that_needs_it() {
    let steps = json!([
        job("After", &["Else"]),
        choice(
            "If",
            &[],
            &[job("Then", &[]), choice("Inner", &["Then"], &[job("Deep", &[])], &[])],
            &[job("Else", &[])]
        ),
        job("Other", &["If"]),
    ]);
    let (mut life, effects) = Life::new(&steps, None);
    assert_eq!(effects, [begin(1, 1)]);
    let effects = life.decided("If", true);
    assert_eq!(effects, [begin(2, 1), begin(6, 1)]);
    life.succeeded("Then");
    life.decided("Inner", false);
    life.succeeded("Other");
    assert_eq!(life.state.status, Status::Succeeded);
    let skipped: Vec<&str> =
        life.phases().into_iter().filter(|(_, phase)| *phase == Phase::Skipped).map(|(name, _)| name).collect();
    assert_eq!(skipped, ["After", "Deep", "Else"]);
}

#[test]
fn after_a_failure_what_runs_goes_on_and_nothing_begins() {
    let (mut life, _) = Life::new(&json!([job("A", &[]), job("B", &[]), job("C", &["B"]), job("D", &["A"])]), None);
    life.began("B");
    assert_eq!(life.failed("A", Exception::Other), []);
    assert_eq!(life.state.status, Status::Executing);
    assert_eq!(life.succeeded("B"), []);
    assert_eq!(life.state.status, Status::Failed);
    assert_eq!(life.state.reason.as_deref(), Some("Step failure: One or multiple steps failed."));
    assert_eq!(life.phase("C"), Phase::Idle);
    // Run again, it goes on where it failed, and keeps what was done.
    assert!(life.state.take(&Event::Stop, 0).is_err());
    assert_eq!(life.tell(&Event::Again(Some(1))), [begin(0, 2)]);
    assert_eq!((life.state.status, &life.state.reason), (Status::Executing, &None));
    assert!(life.state.clone().take(&Event::Again(None), 0).is_err(), "it runs");
    life.succeeded("A");
    assert_eq!((life.phase("B"), life.phase("C"), life.phase("D")), (Phase::Succeeded, Phase::Starting, Phase::Idle));
}

#[test]
fn a_policy_tries_again_after_its_pauses() {
    let policy = json!([{"ExceptionType": ["SageMaker.RESOURCE_LIMIT"], "IntervalSeconds": 10, "BackoffRate": 2, "MaxAttempts": 2}]);
    let step = json!({"Name": "A", "Type": "Training", "Arguments": {}, "RetryPolicies": policy});
    let (mut life, _) = Life::new(&json!([step]), None);
    for (number, pause) in [(1, 10_000), (2, 20_000)] {
        let attempt = Attempt { step: 0, number };
        let due = life.now + pause;
        assert_eq!(life.failed("A", Exception::ResourceLimit), [Effect::Sleep(attempt, due)]);
        assert_eq!(life.tell(&Event::Due(attempt)), [], "too early");
        assert_eq!(life.tell(&Event::Restarted), [Effect::Sleep(attempt, due)]);
        life.now = due;
        assert_eq!(life.tell(&Event::Due(attempt)), [begin(0, number + 1)]);
        assert_eq!(life.tell(&Event::Due(attempt)), [], "told twice");
    }
    assert_eq!(life.failed("A", Exception::ResourceLimit), []);
    assert_eq!(life.state.status, Status::Failed);
    // Another exception is not what the policy is for; a fault of the service is tried again by itself.
    let (mut life, _) = Life::new(&json!([step]), None);
    assert!(matches!(life.failed("A", Exception::ServiceFault)[..], [Effect::Sleep(..)]));
    let (mut life, _) = Life::new(&json!([step]), None);
    life.failed("A", Exception::InternalError);
    assert_eq!(life.state.status, Status::Failed);
}

#[test]
fn a_failure_ends_what_waits_to_be_tried_again() {
    let (mut life, _) = Life::new(&json!([job("A", &[]), job("B", &[])]), None);
    life.failed("A", Exception::Throttling);
    life.failed("B", Exception::Other);
    assert_eq!((life.phase("A"), life.state.status), (Phase::Failed, Status::Failed));
    let (mut life, _) = Life::new(&json!([job("A", &[]), job("B", &[])]), None);
    life.failed("A", Exception::Other);
    assert_eq!(life.failed("B", Exception::Throttling), []);
    assert_eq!(life.state.status, Status::Failed);
}

#[test]
fn a_stop_ends_what_can_be_stopped_and_waits_for_the_rest() {
    let lambda = json!({"Name": "L", "Type": "Lambda", "FunctionArn": "f", "Arguments": {}});
    let callback = json!({"Name": "C", "Type": "Callback", "SqsQueueUrl": "q", "Arguments": {}});
    let (mut life, _) =
        Life::new(&json!([job("A", &[]), job("B", &[]), lambda, callback, job("D", &["A"]), job("E", &[])]), None);
    for name in ["A", "L", "C"] {
        life.began(name);
    }
    life.failed("E", Exception::ServiceFault);
    let stops = [0, 3].map(|step| Effect::Stop(Attempt { step, number: 1 }));
    assert_eq!(life.tell(&Event::Stop), stops);
    assert_eq!(life.phase("E"), Phase::Stopped);
    assert_eq!((life.phase("L"), life.phase("C")), (Phase::Executing, Phase::Stopping));
    // What was being created meanwhile is stopped as soon as it is there.
    let attempt = Attempt { step: 1, number: 1 };
    assert_eq!(life.began("B"), [Effect::Stop(attempt), Effect::Watch(attempt)]);
    life.tell(&Event::Ended(life.at("A"), End::Stopped));
    life.succeeded("B");
    life.succeeded("C");
    assert_eq!(life.state.status, Status::Stopping);
    life.succeeded("L");
    assert_eq!((life.state.status, life.phase("A"), life.phase("D")), (Status::Stopped, Phase::Stopped, Phase::Idle));
    assert_eq!(life.tell(&Event::Again(None)), [begin(0, 2), begin(5, 2)]);
}

#[test]
fn a_job_that_somebody_else_stops_fails_its_step() {
    let (mut life, _) = Life::new(&json!([job("A", &[])]), None);
    life.began("A");
    life.tell(&Event::Ended(life.at("A"), End::Stopped));
    assert_eq!(life.state.status, Status::Failed);
    let reason = life.state.steps[0].reason.as_deref().unwrap();
    assert!(reason.contains("arn:A was stopped"), "{reason}");
}

#[test]
fn a_restart_takes_up_each_step_where_it_was() {
    let lambda = json!({"Name": "L", "Type": "Lambda", "FunctionArn": "f", "Arguments": {}});
    let callback = json!({"Name": "C", "Type": "Callback", "SqsQueueUrl": "q", "Arguments": {}});
    let (mut life, _) = Life::new(&json!([job("A", &[]), job("B", &[]), lambda, callback, job("D", &["A"])]), None);
    for name in ["B", "L", "C"] {
        life.began(name);
    }
    let again = |step| Attempt { step, number: 1 };
    let effects = life.tell(&Event::Restarted);
    assert_eq!(effects, [begin(0, 1), Effect::Watch(again(1)), begin(2, 1), begin(3, 1)]);
    life.tell(&Event::Stop);
    let effects = life.tell(&Event::Restarted);
    assert_eq!(
        effects,
        [begin(0, 1), Effect::Stop(again(1)), Effect::Watch(again(1)), begin(2, 1), Effect::Stop(again(3))]
    );
}

#[test]
fn an_execution_without_steps_succeeds() {
    let (life, effects) = Life::new(&json!([]), None);
    assert_eq!((life.state.status, effects.len()), (Status::Succeeded, 0));
}

/// A graph of up to eight steps, each of which may need earlier ones or be in a branch of one.
fn graphs() -> impl Strategy<Value = Value> {
    proptest::collection::vec((any::<u8>(), 0..4u8), 1..8).prop_map(|shape| {
        let mut steps: Vec<Value> = Vec::new();
        for (at, (mask, kind)) in shape.iter().enumerate() {
            let needs: Vec<String> =
                (0..at).filter(|bit| mask & (1 << bit) != 0).map(|bit| format!("S{bit}")).collect();
            let needs: Vec<&str> = needs.iter().map(String::as_str).collect();
            let name = format!("S{at}");
            steps.push(match kind {
                0 => choice(&name, &needs, &[job(&format!("T{at}"), &[])], &[job(&format!("E{at}"), &[])]),
                1 => json!({"Name": name, "Type": "Lambda", "FunctionArn": "f", "DependsOn": needs}),
                2 => json!({"Name": name, "Type": "Callback", "SqsQueueUrl": "q", "DependsOn": needs}),
                _ => job(&name, &needs),
            });
        }
        json!(steps)
    })
}

proptest! {
    /// Whatever happens in whatever order: what runs keeps to the limit, each step begins once for each attempt and only after
    /// what it needs, and an execution to whose steps all happens that is to happen ends.
    #[test]
    fn every_execution_keeps_the_rules_and_ends(
        steps in graphs(), limit in proptest::option::of(1..4u32), choices in proptest::collection::vec(any::<u16>(), 0..200),
    ) {
        let (mut life, mut todo) = Life::new(&steps, limit);
        let mut begun = std::collections::HashSet::new();
        let mut choices = choices.into_iter();
        for _ in 0..600 {
            for effect in &todo {
                if let Effect::Begin(attempt) = effect {
                    let node = &life.state.nodes[attempt.step];
                    prop_assert!(node.needs.iter().all(|need| life.state.steps[*need].phase == Phase::Succeeded));
                    begun.insert(*attempt);
                }
            }
            let busy: Vec<usize> = (0..life.state.steps.len()).filter(|at| life.state.steps[*at].phase.busy()).collect();
            if let Some(limit) = life.state.limit {
                prop_assert!(busy.len() <= usize::try_from(limit).unwrap());
            }
            if life.state.status.ended() {
                prop_assert!(busy.is_empty());
                break;
            }
            prop_assert!(!busy.is_empty(), "nothing runs and it has not ended: {:?}", life.phases());
            let choice = choices.next().unwrap_or(3);
            let step = busy[usize::from(choice >> 4) % busy.len()];
            let attempt = Attempt { step, number: life.state.steps[step].attempt };
            let end = |end| Event::Ended(attempt, end);
            let event = match (life.state.steps[step].phase, choice & 15) {
                (Phase::Waiting { due }, _) => {
                    life.now = life.now.max(due);
                    Event::Due(attempt)
                }
                (Phase::Starting, 0..=5) => Event::Began(attempt, Done { arn: Some("a".into()), ..Done::default() }),
                (_, 6) => end(End::Failed { exception: Exception::Other, reason: None, done: Done::default() }),
                (_, 7) => end(End::Failed { exception: Exception::ServiceFault, reason: None, done: Done::default() }),
                (_, 8) if life.state.status == Status::Executing => Event::Stop,
                (_, 9) => Event::Restarted,
                (_, 10) => end(End::Stopped),
                (_, outcome) => end(End::Succeeded(Done { outcome: Some(outcome & 1 == 1), ..Done::default() })),
            };
            todo = life.tell(&event);
            // What is kept is all that counts.
            let kept: State = serde_json::from_value(serde_json::to_value(&life.state).unwrap()).unwrap();
            prop_assert_eq!(&kept, &life.state);
        }
        prop_assert!(life.state.status.ended());
    }
}
