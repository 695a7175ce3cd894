//! Every event in every phase, and what holds after any events.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::job::life::Phase;

const NOW: i64 = 1_760_000_000_000;

fn run(number: u64) -> Run {
    Run { job: "job".to_owned(), number }
}

fn other() -> Run {
    Run { job: "earlier job of this name".to_owned(), number: 2 }
}

fn state(phase: Phase, unfinished: u32) -> State {
    let Next { state, .. } = first("job".to_owned(), "s3://out/model.tar.gz".to_owned(), 1, NOW);
    let mut state = state.unwrap();
    state.life = Life { run: run(2), phase, unfinished };
    state
}

fn end(run: Run, end: TrainingEnd) -> Event {
    Event::Ended { run, end, metrics: Metrics::new() }
}

fn completed() -> TrainingEnd {
    TrainingEnd::Completed { artifacts: "s3://out/made".to_owned() }
}

fn failed() -> TrainingEnd {
    TrainingEnd::Failed { reason: "no".to_owned() }
}

fn stopped() -> TrainingEnd {
    TrainingEnd::Stopped { artifacts: None, max_runtime: false }
}

fn training(run: Run) -> Event {
    let (status, message) = ("Training".to_owned(), "Training".to_owned());
    Event::Secondary { run, status, message, at: NOW + 1, metrics: Metrics::new() }
}

/// What an event leads to, in a word each: status, secondary status, number of the run, effect.
fn outcome(before: &State, event: &Event) -> String {
    match TrainingJobs::step(before.clone(), event, NOW + 5) {
        Err(error) => format!("refused: {}", error.message),
        Ok(Next { state: None, .. }) => "gone".to_owned(),
        Ok(Next { state: Some(state), effects }) => {
            let effects: Vec<_> = effects.iter().map(effect).collect();
            if state == *before && effects.is_empty() {
                return "-".to_owned();
            }
            let shown = json!(state.progress);
            let secondary = shown["SecondaryStatus"].as_str().unwrap().to_owned();
            let Life { run, phase, unfinished } = &state.life;
            format!("{phase:?} {secondary} run {} deaths {unfinished} {}", run.number, effects.join(" "))
        }
    }
}

fn effect(effect: &Effect) -> String {
    let (name, run) = match effect {
        Effect::Queue(run) => ("queue", run),
        Effect::Run(run) => ("run", run),
        Effect::Stop(run) => ("stop", run),
        Effect::Leave(run) => ("leave", run),
    };
    format!("{name} {}", run.number)
}

const COMPLETED: Phase = Phase::Ended(Outcome::Completed);

#[test]
fn every_event_has_an_outcome_in_every_phase() {
    let admitted = Event::Admitted;
    let late = |n: u64, status: &str| format!("refused: Run {n} of the job ended late: run 2 is in status {status}.");
    let rejected =
        |status: &str| format!("refused: The request was rejected because the training job is in status {status}.");
    let profiler = Event::Updated { profiler: Some(json!({"DisableProfiler": true})) };
    let no_run = |status: &str| vec![late(1, status), late(2, status)];
    #[rustfmt::skip]
    let table: Vec<(Phase, u32, Event, String)> = vec![
        (Phase::Waiting, 1, admitted(run(2)), "Running Starting run 2 deaths 2 run 2".into()),
        (Phase::Waiting, 1, admitted(run(1)), "-".into()),
        (Phase::Waiting, 1, admitted(other()), "-".into()),
        (Phase::Waiting, 1, training(run(2)), "-".into()),
        (Phase::Waiting, 1, end(run(2), stopped()), "Ended(Stopped) Stopped run 2 deaths 0 ".into()),
        (Phase::Waiting, 1, end(run(1), completed()), no_run("InProgress")[0].clone()),
        (Phase::Waiting, 1, end(other(), completed()), no_run("InProgress")[1].clone()),
        (Phase::Waiting, 1, Event::StopRequested, "Stopping Stopping run 2 deaths 1 leave 2".into()),
        (Phase::Waiting, 1, profiler.clone(), "Waiting Starting run 2 deaths 1 ".into()),
        (Phase::Waiting, 1, Event::Restarted, "Waiting Starting run 2 deaths 1 queue 2".into()),
        (Phase::Waiting, 2, Event::Restarted, "Ended(Failed) Failed run 2 deaths 0 ".into()),
        (Phase::Waiting, 1, Event::CloudEnds, "Waiting Starting run 2 deaths 0 ".into()),

        (Phase::Running, 1, admitted(run(2)), "Running Starting run 2 deaths 1 run 2".into()),
        (Phase::Running, 1, admitted(run(1)), "-".into()),
        (Phase::Running, 1, admitted(other()), "-".into()),
        (Phase::Running, 1, training(run(2)), "Running Training run 2 deaths 1 ".into()),
        (Phase::Running, 1, training(run(1)), "-".into()),
        (Phase::Running, 1, training(other()), "-".into()),
        (Phase::Running, 1, end(run(2), completed()), "Ended(Completed) Completed run 2 deaths 0 ".into()),
        (Phase::Running, 1, end(run(2), failed()), "Ended(Failed) Failed run 2 deaths 0 ".into()),
        (Phase::Running, 1, end(run(2), stopped()), "Ended(Stopped) Stopped run 2 deaths 0 ".into()),
        (Phase::Running, 1, end(run(2), TrainingEnd::Stopped { artifacts: None, max_runtime: true }), "Ended(Stopped) MaxRuntimeExceeded run 2 deaths 0 ".into()),
        (Phase::Running, 1, end(run(1), completed()), no_run("InProgress")[0].clone()),
        (Phase::Running, 1, end(other(), completed()), no_run("InProgress")[1].clone()),
        (Phase::Running, 1, Event::StopRequested, "Stopping Stopping run 2 deaths 1 stop 2".into()),
        (Phase::Running, 1, profiler.clone(), "Running Starting run 2 deaths 1 ".into()),
        (Phase::Running, 1, Event::Restarted, "Waiting Starting run 3 deaths 1 queue 3".into()),
        (Phase::Running, 2, Event::Restarted, "Ended(Failed) Failed run 2 deaths 0 ".into()),
        (Phase::Running, 2, Event::CloudEnds, "Running Starting run 2 deaths 0 ".into()),

        (Phase::Stopping, 1, admitted(run(2)), "-".into()),
        (Phase::Stopping, 1, training(run(2)), "-".into()),
        (Phase::Stopping, 1, end(run(2), completed()), "Ended(Stopped) Stopped run 2 deaths 0 ".into()),
        (Phase::Stopping, 1, end(run(2), failed()), "Ended(Stopped) Stopped run 2 deaths 0 ".into()),
        (Phase::Stopping, 1, end(run(2), stopped()), "Ended(Stopped) Stopped run 2 deaths 0 ".into()),
        (Phase::Stopping, 1, end(run(1), completed()), no_run("Stopping")[0].clone()),
        (Phase::Stopping, 1, Event::StopRequested, rejected("Stopping")),
        (Phase::Stopping, 1, profiler.clone(), rejected("Stopping")),
        (Phase::Stopping, 2, Event::Restarted, "Ended(Stopped) Stopped run 2 deaths 0 ".into()),
        (Phase::Stopping, 1, Event::CloudEnds, "Stopping Starting run 2 deaths 0 ".into()),

        (COMPLETED, 0, admitted(run(2)), "-".into()),
        (COMPLETED, 0, training(run(2)), "-".into()),
        (COMPLETED, 0, end(run(2), failed()), no_run("Completed")[1].clone()),
        (COMPLETED, 0, end(run(1), failed()), no_run("Completed")[0].clone()),
        (COMPLETED, 0, Event::StopRequested, rejected("Completed")),
        (COMPLETED, 0, profiler, rejected("Completed")),
        (COMPLETED, 0, Event::Restarted, "-".into()),
        (COMPLETED, 0, Event::CloudEnds, "-".into()),
    ];
    for (phase, unfinished, event, expected) in table {
        assert_eq!(outcome(&state(phase, unfinished), &event), expected, "{phase:?} × {event:?}");
    }
}

#[test]
fn a_job_that_fails_for_an_error_of_the_service_runs_again_as_often_as_its_retry_strategy_says() {
    let internal = || TrainingEnd::Failed { reason: "InternalServerError: disk".to_owned() };
    let first = state(Phase::Running, 1);
    assert_eq!(outcome(&first, &end(run(2), internal())), "Waiting Starting run 3 deaths 0 queue 3");
    assert_eq!(
        outcome(&first, &end(run(1), internal())),
        "refused: Run 1 of the job ended late: run 2 is in status InProgress."
    );
    let stopping = state(Phase::Stopping, 1);
    assert_eq!(outcome(&stopping, &end(run(2), internal())), "Ended(Stopped) Stopped run 2 deaths 0 ");
    let again = TrainingJobs::step(first, &end(run(2), internal()), NOW).unwrap().state.unwrap();
    let statuses: Vec<_> = json!(again.progress)["SecondaryStatusTransitions"].as_array().unwrap().clone();
    assert_eq!(statuses[1]["StatusMessage"], "Running the job again after an error: InternalServerError: disk");
    let again = TrainingJobs::step(again, &Event::Admitted(run(3)), NOW).unwrap().state.unwrap();
    assert_eq!(outcome(&again, &end(run(3), internal())), "Ended(Failed) Failed run 3 deaths 0 ");
}

#[test]
fn what_a_stopped_job_had_is_kept_and_what_a_restart_undoes_is_gone() {
    let metrics: Metrics = [("loss".to_owned(), (f64::NAN, jiff::Timestamp::from_millisecond(NOW).unwrap()))].into();
    let step = |state, event: &Event| TrainingJobs::step(state, event, NOW + 1_500).unwrap().state.unwrap();
    let ended = step(state(Phase::Stopping, 1), &Event::Ended { run: run(2), end: completed(), metrics });
    let shown = json!(ended.progress);
    assert_eq!(shown["ModelArtifacts"]["S3ModelArtifacts"], "s3://out/made");
    assert_eq!(
        shown["FinalMetricDataList"][0],
        json!({"MetricName": "loss", "Value": "NaN", "Timestamp": 1_760_000_000.0})
    );
    assert_eq!(serde_json::from_value::<State>(json!(ended)).unwrap(), ended, "a state is read as it was written");

    let trained = step(state(Phase::Running, 1), &training(run(2)));
    assert_eq!(json!(trained.progress)["TrainingStartTime"], 1_760_000_000.001);
    let quick = TrainingJobs::step(trained.clone(), &end(run(2), completed()), NOW + 1).unwrap().state.unwrap();
    assert_eq!(json!(quick.progress)["BillableTimeInSeconds"], 1);
    let again = json!(step(trained, &Event::Restarted).progress);
    assert_eq!((&again["TrainingStartTime"], &again["FinalMetricDataList"]), (&json!(null), &json!(null)));
    let failed = step(state(Phase::Running, 2), &Event::Restarted);
    let reason = json!(failed.progress)["FailureReason"].as_str().unwrap().to_owned();
    assert!(reason.contains("ended abnormally 2 times in a row while this job ran"), "{reason}");
}

fn events() -> impl Strategy<Value = Event> {
    let any_run =
        || (1..6_u64, prop::bool::weighted(0.1)).prop_map(|(n, foreign)| if foreign { other() } else { run(n) });
    prop_oneof![
        4 => any_run().prop_map(Event::Admitted),
        2 => any_run().prop_map(training),
        2 => (any_run(), prop_oneof![Just(completed()), Just(failed()), Just(stopped())]).prop_map(|(run, e)| end(run, e)),
        1 => Just(Event::StopRequested),
        1 => Just(Event::Updated { profiler: None }),
        3 => Just(Event::Restarted),
        2 => Just(Event::CloudEnds),
    ]
}

proptest! {
    #[test]
    fn after_any_events_one_run_is_live_at_most_and_a_restart_leads_to_an_end(events in prop::collection::vec(events(), 0..40)) {
        let Next { state, .. } = first("job".to_owned(), "s3://out/m".to_owned(), 2, NOW);
        let mut state = state.unwrap();
        // The run that was begun, has told no end, and whose process lives.
        let mut live: Option<Run> = None;
        let mut rests = false;
        for event in &events {
            let Ok(next) = TrainingJobs::step(state.clone(), event, NOW) else { continue };
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
            state = after;
            rests = matches!(state.life.phase, Phase::Ended(_));
        }
        let state = TrainingJobs::step(state, &Event::Restarted, NOW).unwrap().state.unwrap();
        let state = match state.life.phase {
            Phase::Ended(_) => state,
            _ => TrainingJobs::step(state.clone(), &end(state.life.run.clone(), completed()), NOW).unwrap().state.unwrap(),
        };
        prop_assert!(matches!(state.life.status(), "Completed" | "Failed" | "Stopped"));
    }
}
