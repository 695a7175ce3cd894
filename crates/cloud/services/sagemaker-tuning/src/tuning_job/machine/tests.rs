//! Events in phases, and what holds after any events.

use proptest::prelude::*;

use super::*;
use crate::search::hyperband::Ladder;
use crate::tuning_job::state::Brief;

const NOW: i64 = 1_760_000_000_000;

pub fn state(most: u64, parallel: u64) -> State {
    let brief = Brief {
        name: None,
        metric: "loss".to_owned(),
        maximize: false,
        tuned: vec!["x".to_owned()],
        ladder: None,
        exhausted: false,
    };
    let definitions = vec![brief];
    let rules = Rules { most, parallel, early: false, target: None, patience: None, converges: false, definitions };
    State {
        id: "id".to_owned(),
        job: "t".to_owned(),
        seed: 1,
        principal_arn: String::new(),
        user_id: String::new(),
        rules,
        children: Vec::new(),
        prior: Vec::new(),
        transfer: false,
        parents_best: None,
        phase: Phase::Running,
        reason: None,
        course: Course::default(),
        begun: NOW,
        ended: None,
        changed: NOW,
    }
}

/// A training job that has completed, with an objective or without.
pub fn trained(definition: usize, value: &str, objective: Option<f64>) -> Child {
    Child {
        name: value.to_owned(),
        definition,
        values: vec![value.to_owned()],
        stage: Stage::Completed,
        halted: false,
        retryable: false,
        objective,
        averages: Vec::new(),
        rungs: Vec::new(),
        created: None,
        started: None,
        ended: None,
    }
}

fn step(state: State, event: &Event) -> State {
    TuningJobs::step(state, event, NOW + 5).unwrap().state.unwrap()
}

fn after(state: State, events: &[Event]) -> State {
    events.iter().fold(state, step)
}

fn proposed(number: usize) -> Event {
    Event::Proposed { number, definition: 0, values: Some(vec![number.to_string()]) }
}

fn launched(number: usize) -> Event {
    Event::Launched { number, created: NOW + 1 }
}

fn looked(number: usize, stage: Stage, objective: Option<f64>) -> Event {
    let look = Look { stage, retryable: false, objective, started: Some(1.0), ended: (!stage.runs()).then_some(2.0) };
    Event::Looked { number, look }
}

fn reached(number: usize, epoch: u64) -> Event {
    Event::Reached(vec![Reached { number, epoch, objective: 0.5, average: 0.5 }])
}

fn broke() -> Event {
    Event::Broke { reason: "no".to_owned() }
}

fn lost() -> Event {
    Event::Lost { reason: "late".to_owned() }
}

fn completed(number: usize, objective: f64) -> Event {
    looked(number, Stage::Completed, Some(objective))
}

/// A word for each training job, and the phase.
fn told(state: &State) -> String {
    let children: Vec<_> = state.children.iter().map(|child| format!("{:?}", child.stage)).collect();
    format!("{} {:?}", children.join(" "), state.phase).trim_start().to_owned()
}

#[test]
fn every_event_has_an_outcome_where_it_belongs_and_none_elsewhere() {
    let reached = reached(0, 1);
    let refused = Event::Refused { number: 0, reason: "no".to_owned() };
    let none = Event::Proposed { number: 1, definition: 0, values: None };
    #[rustfmt::skip]
    let table: Vec<(Vec<Event>, &str)> = vec![
        (vec![], "Running"),
        (vec![proposed(0)], "Planned Running"),
        (vec![proposed(0), proposed(0)], "Planned Running"),
        (vec![proposed(1)], "Running"),
        (vec![proposed(0), proposed(1)], "Planned Running"),
        (vec![proposed(0), launched(0), proposed(1), launched(1), proposed(2)], "InProgress InProgress Running"),
        (vec![launched(0)], "Running"),
        (vec![proposed(0), launched(0), launched(0)], "InProgress Running"),
        (vec![proposed(0), launched(0), looked(0, Stage::InProgress, None)], "InProgress Running"),
        (vec![proposed(0), looked(0, Stage::Completed, Some(1.0))], "Planned Running"),
        (vec![proposed(0), launched(0), completed(0, 1.0)], "Completed Running"),
        (vec![proposed(0), launched(0), completed(0, 1.0), looked(0, Stage::Failed, None)], "Completed Running"),
        (vec![proposed(0), launched(0), completed(0, 1.0), none], "Completed Ended(Completed)"),
        (vec![proposed(0), refused.clone()], "Ended(Failed)"),
        (vec![proposed(0), launched(0), refused], "InProgress Running"),
        (vec![proposed(0), Event::Dropped { number: 0 }], "Planned Running"),
        (vec![proposed(0), Event::StopRequested], "Planned Stopping"),
        (vec![proposed(0), Event::StopRequested, Event::Dropped { number: 0 }], "Ended(Stopped)"),
        (vec![proposed(0), Event::StopRequested, launched(0)], "InProgress Stopping"),
        (vec![proposed(0), launched(0), Event::StopRequested, looked(0, Stage::Stopped, None)], "Stopped Ended(Stopped)"),
        (vec![Event::StopRequested], "Ended(Stopped)"),
        (vec![Event::TimeUp], "Ended(Completed)"),
        (vec![proposed(0), launched(0), Event::TimeUp], "InProgress Finishing(Completed)"),
        (vec![proposed(0), launched(0), Event::TimeUp, Event::StopRequested], "InProgress Stopping"),
        (vec![proposed(0), launched(0), Event::TimeUp, proposed(1)], "InProgress Finishing(Completed)"),
        (vec![proposed(0), launched(0), Event::Restarted], "InProgress Running"),
        (vec![proposed(0), launched(0), reached.clone()], "InProgress Running"),
        (vec![reached], "Running"),
        (vec![proposed(0), launched(0), broke()], "InProgress Finishing(Failed)"),
        (vec![proposed(0), launched(0), broke(), broke()], "InProgress Finishing(Failed)"),
        (vec![proposed(0), launched(0), proposed(1), broke(), proposed(2)], "InProgress Planned Finishing(Failed)"),
        (vec![proposed(0), broke(), Event::Dropped { number: 0 }], "Ended(Failed)"),
        (vec![proposed(0), launched(0), broke(), completed(0, 0.5)], "Completed Ended(Failed)"),
        (vec![proposed(0), launched(0), broke(), Event::StopRequested], "InProgress Stopping"),
        (vec![proposed(0), launched(0), Event::StopRequested, broke()], "InProgress Stopping"),
        (vec![proposed(0), launched(0), broke(), lost()], "InProgress Ended(Failed)"),
    ];
    for (events, expected) in table {
        assert_eq!(told(&after(state(9, 2), &events)), expected, "{events:?}");
    }
    let ended = after(state(9, 2), &[Event::TimeUp]);
    let refused = TuningJobs::step(ended.clone(), &Event::StopRequested, NOW).err().unwrap();
    assert_eq!(
        refused.message,
        "The request was rejected because the hyperparameter tuning job is in status Completed."
    );
    for event in [Event::TimeUp, Event::Restarted, proposed(0), broke(), lost()] {
        assert_eq!(step(ended.clone(), &event), ended, "an end is final: {event:?}");
    }
    let drives = |state: State| TuningJobs::step(state, &Event::Restarted, NOW).unwrap().effects;
    assert_eq!(drives(ended), []);
    assert_eq!(drives(state(1, 1)), [Drive("id".to_owned())]);
}

#[test]
fn a_state_is_read_as_it_was_written() {
    let mut state = after(state(3, 2), &[proposed(0), launched(0), completed(0, 0.5), proposed(1)]);
    state.rules.definitions[0].ladder = Some(Ladder::new(1, 9));
    state.parents_best = Some((0.1, serde_json::json!({"TrainingJobName": "p"})));
    assert_eq!(serde_json::from_value::<State>(serde_json::json!(state)).unwrap(), state);
}

#[test]
fn names_follow_from_the_id_and_the_number() {
    let names: Vec<String> = (0..3).map(|number| name("t", "id", number)).collect();
    assert_eq!(names, (0..3).map(|number| name("t", "id", number)).collect::<Vec<_>>());
    assert!(names[0].starts_with("t-001-") && names[2].starts_with("t-003-") && names[0][6..] != names[1][6..]);
    assert_ne!(name("t", "id", 0), name("t", "di", 0));
    assert!(name(&"x".repeat(32), "id", 749).len() <= 63);
}

#[test]
fn jobs_in_a_row_without_an_improvement_of_more_than_one_percent_are_counted() {
    let mut state = state(2, 1);
    state.course.take(Some(1.0), NOW);
    for (score, best, flat) in
        [(Some(0.995), 0.995, 1), (None, 0.995, 2), (Some(0.985), 0.985, 0), (Some(0.5), 0.5, 0), (Some(0.5), 0.5, 1)]
    {
        state.course.take(score, NOW);
        let Course { best: found, flat: f, .. } = state.course;
        assert_eq!((found, f), (Some(best), flat), "{score:?}");
    }
}

#[test]
fn what_was_tried_says_what_came_of_it() {
    use crate::search::Outcome::{Failed, Lost, Pending, Score};
    let mut state = state(9, 9);
    let child = |stage, retryable, objective| Child { stage, retryable, ..trained(0, "1", objective) };
    state.children = vec![
        child(Stage::Completed, false, Some(2.0)),
        child(Stage::Stopped, false, Some(4.0)),
        child(Stage::InProgress, false, None),
        child(Stage::Planned, false, None),
        child(Stage::Failed, false, None),
        child(Stage::Failed, true, None),
        child(Stage::Stopped, false, None),
        child(Stage::Completed, false, None),
        trained(1, "1", None),
    ];
    let outcomes = |state: &State| state.trials(0).into_iter().map(|trial| trial.outcome).collect::<Vec<_>>();
    assert_eq!(outcomes(&state), [Score(2.0), Score(4.0), Pending, Pending, Failed, Lost, Lost, Failed]);
    state.transfer = true;
    assert_eq!(outcomes(&state)[..2], [Score(-1.0), Score(1.0)], "beside scores on other data");
}

#[test]
fn a_rung_is_judged_by_the_jobs_of_its_bracket() {
    let mut state = state(99, 99);
    state.rules.definitions[0].ladder = Some(Ladder::new(1, 9));
    // Numbers 9 to 11 are of the second bracket, which is judged from the second rung on.
    let running = |rungs: &[f64]| Child { stage: Stage::InProgress, rungs: rungs.into(), ..trained(0, "1", None) };
    state.children = vec![running(&[0.1, 0.1]); 9];
    state.children.extend([running(&[0.9]), running(&[0.2, 0.5]), running(&[0.2, 0.6])]);
    let judged = |objective: f64| {
        let reached = Reached { number: 9, epoch: 3, objective, average: objective };
        step(state.clone(), &Event::Reached(vec![reached])).children[9].halted
    };
    assert_eq!((judged(0.4), judged(0.55)), (false, true), "the best of three goes on");
}

fn events() -> impl Strategy<Value = Event> {
    let number = 0..5_usize;
    let stages = prop_oneof![
        Just(Stage::InProgress),
        Just(Stage::Stopping),
        Just(Stage::Completed),
        Just(Stage::Failed),
        Just(Stage::Stopped)
    ];
    prop_oneof![
        4 => number.clone().prop_map(proposed),
        4 => number.clone().prop_map(launched),
        4 => (number.clone(), stages, prop::option::of(-1.0..1.0_f64)).prop_map(|(n, stage, o)| looked(n, stage, o)),
        1 => number.clone().prop_map(|number| Event::Refused { number, reason: "no".to_owned() }),
        1 => number.clone().prop_map(|number| Event::Dropped { number }),
        1 => (number, 1..9_u64).prop_map(|(number, epoch)| reached(number, epoch)),
        1 => Just(broke()),
        1 => Just(Event::Restarted),
        1 => Just(Event::TimeUp),
        1 => Just(Event::StopRequested),
    ]
}

proptest! {
    #[test]
    fn limits_hold_and_every_job_comes_to_an_end(
        events in prop::collection::vec(events(), 0..40), most in 1..6_u64, parallel in 1..4_u64, early: bool,
    ) {
        let mut now = state(most, parallel);
        now.rules.early = early;
        for event in &events {
            let Ok(next) = TuningJobs::step(now.clone(), event, NOW) else { continue };
            let next = next.state.unwrap();
            prop_assert!(!matches!(now.phase, Phase::Ended(_)) || next == now, "an end is final");
            prop_assert!(next.children.len() as u64 <= most && next.live().count() as u64 <= parallel);
            prop_assert!(!matches!(next.phase, Phase::Ended(_)) || next.live().next().is_none());
            // Told again, nothing happens but what a store's hiccup does: no training job more.
            if let Ok(again) = TuningJobs::step(next.clone(), event, NOW) {
                prop_assert_eq!(again.state.unwrap().children.len(), next.children.len());
            }
            now = next;
        }
        // What the driver does leads to an end.
        for _ in 0..100 {
            if matches!(now.phase, Phase::Ended(_)) {
                break;
            }
            let number = now.children.iter().rposition(|child| child.stage.is_live());
            now = match number {
                Some(number) if now.children[number].stage == Stage::Planned => {
                    step(now.clone(), &if now.phase == Phase::Running { launched(number) } else { Event::Dropped { number } })
                }
                Some(number) => step(now.clone(), &completed(number, 0.5)),
                None => step(now.clone(), &proposed(now.children.len())),
            };
        }
        prop_assert!(matches!(now.phase, Phase::Ended(_)), "{}", told(&now));
        prop_assert!(matches!(now.status(), "Completed" | "Failed" | "Stopped"));
    }
}
