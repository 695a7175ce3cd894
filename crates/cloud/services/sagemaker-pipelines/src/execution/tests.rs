//! The transition function: a table of lives, and any order of events.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::state::{Attempt, Done, End, Phase, State, Status, Stopping};
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

fn lambda(name: &str) -> Value {
    json!({"Name": name, "Type": "Lambda", "FunctionArn": "f", "Arguments": {}})
}

fn callback(name: &str) -> Value {
    json!({"Name": name, "Type": "Callback", "SqsQueueUrl": "q", "Arguments": {}})
}

fn stop(token: &str) -> Event {
    Event::Stop(token.into())
}

fn retry(token: &str, limit: Option<u32>) -> Event {
    Event::Retry(token.into(), limit)
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
    assert_eq!(life.succeeded("A"), [begin(1, 1), begin(3, 1)], "told twice");
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
    assert!(life.state.take(&stop("late"), 0).is_err());
    assert_eq!(life.tell(&retry("again", Some(1))), [begin(0, 2)]);
    assert_eq!((life.state.status, &life.state.reason), (Status::Executing, &None));
    assert!(life.state.clone().take(&retry("other", None), 0).is_err(), "it runs");
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
        assert_eq!(life.tell(&Event::Due(attempt)), [begin(0, number + 1)], "told twice");
    }
    assert_eq!(life.failed("A", Exception::ResourceLimit), []);
    assert_eq!(life.state.status, Status::Failed);
    life.tell(&retry("again", None));
    let again = Effect::Sleep(life.at("A"), life.now + 10_000);
    assert_eq!(life.failed("A", Exception::ResourceLimit), [again], "run again on request, it has all its retries");
    // Another exception is not what the policy is for; a fault of the service is tried again by itself.
    let (mut life, _) = Life::new(&json!([step]), None);
    assert!(matches!(life.failed("A", Exception::ServiceFault)[..], [Effect::Sleep(..)]));
    let (mut life, _) = Life::new(&json!([step]), None);
    life.failed("A", Exception::InternalError);
    assert_eq!(life.state.status, Status::Failed);
}

#[test]
fn a_policy_that_expires_counts_from_the_first_start_of_its_step() {
    let policy = json!([{"ExceptionType": ["SageMaker.RESOURCE_LIMIT"], "IntervalSeconds": 40, "BackoffRate": 1, "ExpireAfterMin": 1}]);
    let step = json!({"Name": "A", "Type": "Training", "Arguments": {}, "RetryPolicies": policy});
    let (mut life, _) = Life::new(&json!([step]), None);
    for _ in 0..2 {
        let (attempt, due) = (life.at("A"), life.now + 40_000);
        assert_eq!(life.failed("A", Exception::ResourceLimit), [Effect::Sleep(attempt, due)]);
        life.now = due;
        life.tell(&Event::Due(attempt));
    }
    assert_eq!(life.failed("A", Exception::ResourceLimit), [], "80 seconds after its start");
    assert_eq!(life.state.status, Status::Failed);
}

#[test]
fn a_retry_keeps_the_limit_unless_it_says_another() {
    for (limit, begun) in [(None, 1), (Some(3), 3)] {
        let (mut life, _) = Life::new(&json!([job("A", &[]), job("B", &[]), job("C", &[])]), Some(1));
        life.failed("A", Exception::Other);
        assert_eq!(life.tell(&retry("again", limit)).len(), begun, "{limit:?}");
    }
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
    let (mut life, _) = Life::new(
        &json!([job("A", &[]), job("B", &[]), lambda("L"), callback("C"), job("D", &["A"]), job("E", &[])]),
        None,
    );
    for name in ["A", "L", "C"] {
        life.began(name);
    }
    life.failed("E", Exception::ServiceFault);
    let stops = [0, 3].map(|step| Effect::Stop(Attempt { step, number: 1 }));
    assert_eq!(life.tell(&stop("t")), stops);
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
    assert_eq!(life.tell(&retry("r", None)), [begin(0, 2), begin(5, 2)]);
}

#[test]
fn a_stop_reaches_calls_and_messages_that_have_not_begun() {
    let (mut life, effects) = Life::new(&json!([lambda("L"), callback("C"), choice("If", &[], &[], &[])]), None);
    assert_eq!(effects, [begin(0, 1), begin(1, 1), begin(2, 1)]);
    let withdrawn = [0, 1, 2].map(|step| Effect::Withdraw(Attempt { step, number: 1 }));
    assert_eq!(life.tell(&stop("t")), withdrawn);
    assert_eq!(life.state.status, Status::Stopped);
    // Who was about to call finds that nothing is to be called.
    assert_eq!(life.began("L"), []);
    assert_eq!((life.phase("L"), life.phase("C")), (Phase::Stopped, Phase::Stopped));
}

#[test]
fn either_answer_to_a_callback_lets_the_execution_stop() {
    for succeeds in [true, false] {
        let (mut life, _) = Life::new(&json!([callback("C")]), None);
        life.began("C");
        life.tell(&stop("t"));
        let end = match succeeds {
            true => End::Succeeded(Done::default()),
            false => End::Failed { exception: Exception::Other, reason: Some("no".into()), done: Done::default() },
        };
        assert_eq!(life.tell(&Event::Ended(life.at("C"), end)), [Effect::Withdraw(life.at("C"))]);
        assert_eq!(life.state.status, Status::Stopped);
        assert_eq!(life.phase("C"), if succeeds { Phase::Succeeded } else { Phase::Stopped });
        assert_eq!(life.state.steps[0].reason.as_deref(), (!succeeds).then_some("no"));
    }
}

/// A request whose answer was lost comes again with its token.
#[test]
fn a_request_that_comes_again_changes_nothing() {
    let (mut life, _) = Life::new(&json!([job("A", &[]), callback("C")]), None);
    for name in ["A", "C"] {
        life.began(name);
    }
    let attempt = |step| Attempt { step, number: 1 };
    let stops = [Effect::Stop(attempt(0)), Effect::Stop(attempt(1))];
    assert_eq!(life.tell(&stop("s")), stops);
    assert_eq!(life.tell(&stop("s")), [stops[0], Effect::Watch(attempt(0)), stops[1]], "what is outstanding is done");
    assert_eq!(life.tell(&stop("other")), []);
    let answer = |token: &str| Event::Answered(attempt(1), End::Succeeded(Done::default()), token.into());
    assert_eq!(life.tell(&answer("a")), [Effect::Withdraw(attempt(1))]);
    assert_eq!(life.tell(&answer("a")), [stops[0], Effect::Watch(attempt(0))]);
    assert_eq!(life.state.clone().take(&answer("b"), 0).unwrap_err().code, "ResourceNotFound", "it came too late");
    life.tell(&Event::Ended(life.at("A"), End::Stopped));
    assert_eq!(life.state.status, Status::Stopped);
    assert_eq!(life.tell(&stop("s")), []);
    // The step fails again before the caller asks again.
    assert_eq!(life.tell(&retry("r", None)), [begin(0, 2)]);
    assert_eq!(life.tell(&retry("r", None)), [begin(0, 2)], "it runs");
    life.failed("A", Exception::Other);
    assert_eq!(life.tell(&retry("r", None)), []);
    assert_eq!((life.state.status, life.state.steps[0].attempt), (Status::Failed, 2));
    assert_eq!(life.tell(&retry("r2", None)), [begin(0, 3)]);
}

/// A store may fail and have written all the same: the effects of the first telling never began.
#[test]
fn an_event_that_is_told_again_asks_for_what_is_outstanding() {
    let lost = |life: &mut Life, event: &Event| {
        let first = life.tell(event);
        assert_eq!(life.tell(event), first, "{event:?}");
    };
    let (mut life, effects) = Life::new(&json!([job("A", &[]), job("B", &["A"])]), None);
    assert_eq!(life.tell(&Event::Repeated), effects);
    let at = life.at("A");
    lost(&mut life, &Event::Began(at, Done::default()));
    lost(
        &mut life,
        &Event::Ended(at, End::Failed { exception: Exception::ServiceFault, reason: None, done: Done::default() }),
    );
    life.now += 60_000;
    lost(&mut life, &Event::Due(at));
    let at = life.at("A");
    lost(&mut life, &Event::Ended(at, End::Succeeded(Done::default())));
    life.began("B");
    life.tell(&stop("t"));
    let at = life.at("B");
    assert_eq!(life.tell(&Event::Repeated), [Effect::Stop(at), Effect::Watch(at)]);
    lost(&mut life, &Event::Ended(at, End::Stopped));
    // A function that runs is not called again, and a message not sent again.
    let (mut life, _) = Life::new(&json!([lambda("L"), callback("C")]), None);
    for name in ["L", "C"] {
        life.began(name);
        assert_eq!(life.began(name), if name == "L" { vec![begin(1, 1)] } else { vec![] });
    }
    assert_eq!(life.tell(&Event::Repeated), []);
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
    let (mut life, _) =
        Life::new(&json!([job("A", &[]), job("B", &[]), lambda("L"), callback("C"), job("D", &["A"])]), None);
    for name in ["B", "L", "C"] {
        life.began(name);
    }
    let again = |step| Attempt { step, number: 1 };
    let effects = life.tell(&Event::Restarted);
    assert_eq!(effects, [begin(0, 1), Effect::Watch(again(1)), begin(2, 1), begin(3, 1)]);
    life.tell(&stop("t"));
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

/// What the shell around the machine is doing: events come of effects alone, and each effect is done once at a time.
#[derive(Default)]
struct Shell {
    asked: Vec<Effect>,
    /// Calls and messages, so often as they were made.
    called: std::collections::HashMap<Attempt, u32>,
}

impl Shell {
    fn ask(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Withdraw(attempt) => {
                    self.asked.retain(|asked| ![Effect::Begin(attempt), Effect::Stop(attempt)].contains(asked));
                }
                effect if self.asked.contains(&effect) => {}
                effect => self.asked.push(effect),
            }
        }
    }
}

proptest! {
    /// Whatever happens in whatever order, and whichever write is not known to be done: what runs keeps to the limit, each
    /// attempt begins only after what its step needs, nothing is called twice in one process, and an execution whose effects are
    /// all carried out ends. Events come of effects alone, so that an effect that is not asked for would never end the step.
    #[test]
    fn every_execution_keeps_the_rules_and_ends(
        steps in graphs(), limit in proptest::option::of(1..4u32), choices in proptest::collection::vec(any::<u16>(), 0..200),
    ) {
        let (mut life, first) = Life::new(&steps, limit);
        let mut shell = Shell::default();
        shell.ask(first);
        let mut choices = choices.into_iter();
        for turn in 0..2000 {
            let busy = life.state.steps.iter().filter(|step| step.phase.busy()).count();
            if let Some(limit) = life.state.limit {
                prop_assert!(busy <= usize::try_from(limit).unwrap());
            }
            if life.state.status.ended() {
                prop_assert_eq!(busy, 0);
                break;
            }
            prop_assert!(!shell.asked.is_empty(), "nothing is done and it has not ended: {:?}", life.phases());
            let choice = choices.next().unwrap_or(3);
            // A store that fails once and has written all the same; what was asked for the first time is lost.
            let twice = choice & 0x800 != 0;
            let tell = |life: &mut Life, shell: &mut Shell, event: &Event| {
                let effects = life.tell(event);
                shell.ask(if twice { life.tell(event) } else { effects });
            };
            match choice & 31 {
                8 if life.state.status == Status::Executing => {
                    tell(&mut life, &mut shell, &stop(&format!("t{turn}")));
                    continue;
                }
                9 => {
                    shell = Shell::default();
                    tell(&mut life, &mut shell, &Event::Restarted);
                    continue;
                }
                _ => {}
            }
            let effect = shell.asked.swap_remove(usize::from(choice >> 5) % shell.asked.len());
            let (Effect::Begin(attempt) | Effect::Watch(attempt) | Effect::Stop(attempt) | Effect::Withdraw(attempt) | Effect::Sleep(attempt, _)) = effect;
            let end = match choice & 7 {
                6 => End::Failed { exception: Exception::Other, reason: None, done: Done::default() },
                7 => End::Failed { exception: Exception::ServiceFault, reason: None, done: Done::default() },
                5 => End::Stopped,
                outcome => End::Succeeded(Done { outcome: Some(outcome & 1 == 1), ..Done::default() }),
            };
            let node = life.state.nodes[attempt.step].clone();
            let current = life.state.steps[attempt.step].attempt == attempt.number;
            match effect {
                Effect::Begin(_) => {
                    prop_assert!(node.needs.iter().all(|need| life.state.steps[*need].phase == Phase::Succeeded));
                    if node.stopping == Stopping::Resource && choice & 8 == 0 {
                        tell(&mut life, &mut shell, &Event::Ended(attempt, end));
                        continue;
                    }
                    tell(&mut life, &mut shell, &Event::Began(attempt, Done { arn: Some("a".into()), ..Done::default() }));
                    let runs = current && life.state.steps[attempt.step].phase == Phase::Executing;
                    if node.stopping != Stopping::Resource && runs {
                        let called = shell.called.entry(attempt).or_default();
                        *called += 1;
                        prop_assert_eq!(*called, 1, "{:?} is called twice", attempt);
                        tell(&mut life, &mut shell, &Event::Ended(attempt, end));
                    }
                }
                // A command's answer to the message, or the end of the job, which is told to who watches it.
                Effect::Stop(_) if node.stopping == Stopping::Asks => tell(&mut life, &mut shell, &Event::Ended(attempt, end)),
                Effect::Stop(_) | Effect::Withdraw(_) => {}
                Effect::Watch(_) => tell(&mut life, &mut shell, &Event::Ended(attempt, end)),
                Effect::Sleep(_, due) => {
                    life.now = life.now.max(due);
                    tell(&mut life, &mut shell, &Event::Due(attempt));
                }
            }
            // What is kept is all that counts.
            let kept: State = serde_json::from_value(serde_json::to_value(&life.state).unwrap()).unwrap();
            prop_assert_eq!(&kept, &life.state);
        }
        prop_assert!(life.state.status.ended());
    }
}
