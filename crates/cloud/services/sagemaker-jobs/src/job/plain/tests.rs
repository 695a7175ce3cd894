//! Every event in every phase, and what holds after any events.

use proptest::prelude::*;

use super::*;
use crate::processing_job::ProcessingJobs;

const NOW: i64 = 1_760_000_000_000;

fn run(number: u64) -> Run {
    Run { job: "job".to_owned(), number }
}

fn other() -> Run {
    Run { job: "earlier job of this name".to_owned(), number: 2 }
}

fn state(phase: Phase, unfinished: u32) -> State {
    let mut state = first("job".to_owned(), NOW).state.unwrap();
    state.life = Life { run: run(2), phase, unfinished };
    state
}

fn step(state: &State, event: &Event, now: i64) -> Result<Next<State, Effect>, ApiError> {
    ProcessingJobs::step(state.clone(), event, now)
}

fn ended(run: Run, end: JobEnd) -> Event {
    Event::Ended { run, end }
}

fn completed() -> JobEnd {
    let shows = Map::from_iter([("ExitMessage".to_owned(), json!("done"))]);
    JobEnd { shows, ..JobEnd::new(Outcome::Completed) }
}

fn started(run: Run) -> Event {
    Event::Started { run, at: NOW + 1 }
}

/// What an event leads to, in a word each: phase, whether it has started, number of the run, deaths, effect.
fn outcome(before: &State, event: &Event) -> String {
    match step(before, event, NOW + 5) {
        Err(error) => format!("refused: {}", error.message),
        Ok(Next { state: None, .. }) => "gone".to_owned(),
        Ok(Next { state: Some(state), effects }) => {
            let effects: Vec<_> = effects.iter().map(effect).collect();
            if state == *before && effects.is_empty() {
                return "-".to_owned();
            }
            let Life { run, phase, unfinished } = &state.life;
            let started = if state.started.is_some() { " started" } else { "" };
            format!("{phase:?}{started} run {} deaths {unfinished} {}", run.number, effects.join(" "))
        }
    }
}

fn effect(effect: &Effect) -> String {
    let (name, run) = match effect {
        Effect::Queue(run) => ("queue", run),
        Effect::Run(run) => ("run", run),
        Effect::Stop(run) => ("stop", run),
        Effect::Leave(run) => ("leave", run),
        Effect::Interrupt(_) | Effect::Alarm(..) => return "nothing that such a job asks for".to_owned(),
    };
    format!("{name} {}", run.number)
}

const COMPLETED: Phase = Phase::Ended(Outcome::Completed);

#[test]
fn every_event_has_an_outcome_in_every_phase() {
    let admitted = Event::Admitted;
    let late = |n: u64, status: &str| format!("refused: Run {n} of the job ended late: run 2 is in status {status}.");
    let rejected =
        |status: &str| format!("refused: The request was rejected because the processing job is in status {status}.");
    let stopped = || JobEnd::new(Outcome::Stopped);
    let failed = || JobEnd::failed("no");
    #[rustfmt::skip]
    let table: Vec<(Phase, u32, Event, String)> = vec![
        (Phase::Waiting, 1, admitted(run(2)), "Running run 2 deaths 2 run 2".into()),
        (Phase::Waiting, 1, admitted(run(1)), "-".into()),
        (Phase::Waiting, 1, admitted(other()), "-".into()),
        (Phase::Waiting, 1, started(run(2)), "-".into()),
        (Phase::Waiting, 1, ended(run(2), stopped()), "Ended(Stopped) run 2 deaths 0 ".into()),
        (Phase::Waiting, 1, ended(run(1), completed()), late(1, "InProgress")),
        (Phase::Waiting, 1, ended(other(), completed()), late(2, "InProgress")),
        (Phase::Waiting, 1, Event::StopRequested, "Stopping run 2 deaths 1 leave 2".into()),
        (Phase::Waiting, 1, Event::Restarted, "Waiting run 2 deaths 1 queue 2".into()),
        (Phase::Waiting, 2, Event::Restarted, "Ended(Failed) run 2 deaths 0 ".into()),
        (Phase::Waiting, 1, Event::CloudEnds, "Waiting run 2 deaths 0 ".into()),

        (Phase::Running, 1, admitted(run(2)), "Running run 2 deaths 1 run 2".into()),
        (Phase::Running, 1, admitted(run(1)), "-".into()),
        (Phase::Running, 1, admitted(other()), "-".into()),
        (Phase::Running, 1, started(run(2)), "Running started run 2 deaths 1 ".into()),
        (Phase::Running, 1, started(run(1)), "-".into()),
        (Phase::Running, 1, started(other()), "-".into()),
        (Phase::Running, 1, ended(run(2), completed()), "Ended(Completed) run 2 deaths 0 ".into()),
        (Phase::Running, 1, ended(run(2), failed()), "Ended(Failed) run 2 deaths 0 ".into()),
        (Phase::Running, 1, ended(run(2), stopped()), "Ended(Stopped) run 2 deaths 0 ".into()),
        (Phase::Running, 1, ended(run(1), completed()), late(1, "InProgress")),
        (Phase::Running, 1, ended(other(), completed()), late(2, "InProgress")),
        (Phase::Running, 1, Event::StopRequested, "Stopping run 2 deaths 1 stop 2".into()),
        (Phase::Running, 1, Event::Restarted, "Waiting run 3 deaths 1 queue 3".into()),
        (Phase::Running, 2, Event::Restarted, "Ended(Failed) run 2 deaths 0 ".into()),
        (Phase::Running, 2, Event::CloudEnds, "Running run 2 deaths 0 ".into()),

        (Phase::Stopping, 1, admitted(run(2)), "-".into()),
        (Phase::Stopping, 1, started(run(2)), "-".into()),
        (Phase::Stopping, 1, ended(run(2), completed()), "Ended(Stopped) run 2 deaths 0 ".into()),
        (Phase::Stopping, 1, ended(run(2), failed()), "Ended(Stopped) run 2 deaths 0 ".into()),
        (Phase::Stopping, 1, ended(run(2), stopped()), "Ended(Stopped) run 2 deaths 0 ".into()),
        (Phase::Stopping, 1, ended(run(1), completed()), late(1, "Stopping")),
        (Phase::Stopping, 1, Event::StopRequested, rejected("Stopping")),
        (Phase::Stopping, 2, Event::Restarted, "Ended(Stopped) run 2 deaths 0 ".into()),
        (Phase::Stopping, 1, Event::CloudEnds, "Stopping run 2 deaths 0 ".into()),

        (COMPLETED, 0, admitted(run(2)), "-".into()),
        (COMPLETED, 0, started(run(2)), "-".into()),
        (COMPLETED, 0, ended(run(2), failed()), late(2, "Completed")),
        (COMPLETED, 0, ended(run(1), failed()), late(1, "Completed")),
        (COMPLETED, 0, Event::StopRequested, rejected("Completed")),
        (COMPLETED, 0, Event::Restarted, "-".into()),
        (COMPLETED, 0, Event::CloudEnds, "-".into()),
    ];
    for (phase, unfinished, event, expected) in table {
        assert_eq!(outcome(&state(phase, unfinished), &event), expected, "{phase:?} × {event:?}");
    }
}

/// The members of a record that a state shows.
fn shown(state: &State) -> (String, Map<String, Value>) {
    let key = Key::new("000000000000", "us-east-1", "processing-job", "job");
    let body = json!({"ProcessingStartTime": 1.0, "FailureReason": "of an earlier run"});
    let mut record = Record { key, arn: "arn".to_owned(), status: String::new(), created: NOW, modified: NOW, body };
    ProcessingJobs::show(state, &mut record, NOW).unwrap();
    let Value::Object(body) = record.body else { panic!("{:?}", record.body) };
    (record.status, body)
}

#[test]
fn a_record_shows_times_reason_and_what_the_end_shows() {
    let to = |state: &State, event: &Event| step(state, event, NOW + 2_000).unwrap().state.unwrap();
    let at_work = to(&state(Phase::Running, 1), &started(run(2)));
    assert_eq!(shown(&at_work), ("InProgress".to_owned(), json_map(json!({"ProcessingStartTime": 1_760_000_000.001}))));
    let done = to(&at_work, &ended(run(2), completed()));
    let times =
        json!({"ProcessingStartTime": 1_760_000_000.001, "ProcessingEndTime": 1_760_000_002.0, "ExitMessage": "done"});
    assert_eq!(shown(&done), ("Completed".to_owned(), json_map(times)));
    assert_eq!(serde_json::from_value::<State>(json!(done)).unwrap(), done, "a state is read as it was written");

    let reason = "é".repeat(2_000);
    let failed = to(&at_work, &ended(run(2), JobEnd::failed(reason)));
    assert_eq!(shown(&failed).1["FailureReason"].as_str().unwrap().chars().count(), 1_024);
    // A program that is stopped may end badly and say why.
    let end = JobEnd { shows: completed().shows, ..JobEnd::failed("exit code: 143") };
    let (status, members) = shown(&to(&state(Phase::Stopping, 1), &ended(run(2), end)));
    assert_eq!(
        (status.as_str(), members.get("FailureReason"), &members["ExitMessage"]),
        ("Stopped", None, &json!("done"))
    );

    assert_eq!(to(&at_work, &Event::Restarted).started, None, "it runs again from the start");
    let reason = to(&state(Phase::Running, 2), &Event::Restarted).reason.unwrap();
    assert!(reason.contains("ended abnormally 2 times in a row while this job ran"), "{reason}");
}

fn json_map(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn events() -> impl Strategy<Value = Event> {
    let any_run =
        || (1..6_u64, prop::bool::weighted(0.1)).prop_map(|(n, foreign)| if foreign { other() } else { run(n) });
    let any_end = prop_oneof![Just(completed()), Just(JobEnd::failed("no")), Just(JobEnd::new(Outcome::Stopped))];
    prop_oneof![
        4 => any_run().prop_map(Event::Admitted),
        2 => any_run().prop_map(started),
        2 => (any_run(), any_end).prop_map(|(run, end)| ended(run, end)),
        1 => Just(Event::StopRequested),
        3 => Just(Event::Restarted),
        2 => Just(Event::CloudEnds),
    ]
}

proptest! {
    #[test]
    fn after_any_events_one_run_is_live_at_most_and_a_restart_leads_to_an_end(events in prop::collection::vec(events(), 0..40)) {
        let mut state = first("job".to_owned(), NOW).state.unwrap();
        // The run that was begun, has told no end, and whose process lives.
        let mut live: Option<Run> = None;
        let mut rests = false;
        for event in &events {
            let Ok(next) = step(&state, event, NOW) else { continue };
            match event {
                Event::Ended { run, .. } if live.as_ref() == Some(run) => live = None,
                Event::Restarted => live = None,
                _ => {}
            }
            for effect in &next.effects {
                if let Effect::Run(run) = effect {
                    prop_assert!(live.is_none() || live.as_ref() == Some(run), "{live:?} and {run:?}");
                    live = Some(run.clone());
                }
            }
            let after = next.state.unwrap();
            prop_assert!(!rests || after == state, "an end is final");
            prop_assert!(after.life.run.number >= state.life.run.number);
            prop_assert!(live.is_none() || !matches!(after.life.phase, Phase::Ended(_) | Phase::Waiting));
            prop_assert_eq!(after.ended.is_some(), matches!(after.life.phase, Phase::Ended(_)));
            state = after;
            rests = matches!(state.life.phase, Phase::Ended(_));
        }
        let state = step(&state, &Event::Restarted, NOW).unwrap().state.unwrap();
        let state = match state.life.phase {
            Phase::Ended(_) => state,
            _ => step(&state, &ended(state.life.run.clone(), completed()), NOW).unwrap().state.unwrap(),
        };
        prop_assert!(matches!(state.life.status(), "Completed" | "Failed" | "Stopped"));
    }
}
