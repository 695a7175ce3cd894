//! Every event in every phase, and what holds after any events.

use proptest::prelude::*;
use serde_json::{Map, json};

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
    state_of(Setting { retries: 1, ..setting() }, phase, unfinished)
}

fn setting() -> Setting {
    Setting { job: "job".to_owned(), artifacts: "s3://out/model.tar.gz".to_owned(), ..Setting::default() }
}

fn state_of(setting: Setting, phase: Phase, unfinished: u32) -> State {
    let mut state = first(setting, NOW).state.unwrap();
    state.life = Life { run: run(2), phase, unfinished };
    state
}

/// A job on spot instances, which may take a minute.
fn spot(phase: Phase, interrupted: bool) -> State {
    let mut state = state_of(Setting { deadline: Some(NOW + 60_000), ..setting() }, phase, 1);
    state.spot.as_mut().unwrap().interrupted = interrupted;
    state
}

/// A job whose instances are kept for ten seconds.
fn pooled(phase: Phase) -> State {
    let request = Map::from_iter([("RoleArn".to_owned(), json!("r"))]);
    state_of(Setting { pool: Some(Pool::new(&request, Duration::from_secs(10))), ..setting() }, phase, 1)
}

fn end(run: Run, end: TrainingEnd) -> Event {
    Event::Ended { run, end, metrics: Metrics::new(), took: Duration::from_secs(7) }
}

fn after(state: State, events: &[(&Event, i64)]) -> State {
    events.iter().fold(state, |state, (event, at)| TrainingJobs::step(state, event, NOW + at).unwrap().state.unwrap())
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
        Effect::Interrupt(run) => ("interrupt", run),
        Effect::Leave(run) => ("leave", run),
        Effect::Alarm(_, at) => return format!("alarm in {} s", (at - NOW) / 1000),
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
    let profiler = Event::Updated { profiler: Some(json!({"DisableProfiler": true})), rules: None, keep_alive: None };
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
    let ended =
        step(state(Phase::Stopping, 1), &Event::Ended { run: run(2), end: completed(), metrics, took: Duration::ZERO });
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

#[test]
fn spot_instances_are_taken_away_and_the_job_goes_on_with_others() {
    let overdue = || Event::Overdue("job".to_owned());
    let interrupted = || end(run(2), TrainingEnd::Interrupted);
    let waits = "refused: The request was rejected because the training job waits for its instances, so that there is nothing to interrupt. Try again when its secondary status is Training.";
    let rejected =
        |status: &str| format!("refused: The request was rejected because the training job is in status {status}.");
    #[rustfmt::skip]
    let table: Vec<(State, Event, String)> = vec![
        (spot(Phase::Waiting, false), Event::InterruptRequested, waits.to_owned()),
        (spot(Phase::Waiting, false), overdue(), "Stopping Stopping run 2 deaths 1 leave 2".into()),
        (spot(Phase::Waiting, false), Event::Restarted, "Waiting Starting run 2 deaths 1 queue 2 alarm in 60 s".into()),

        (spot(Phase::Running, false), Event::InterruptRequested, "Running Interrupted run 2 deaths 0 interrupt 2".into()),
        (spot(Phase::Running, false), interrupted(), "Waiting Starting run 3 deaths 0 queue 3".into()),
        (spot(Phase::Running, false), end(run(1), TrainingEnd::Interrupted), "refused: Run 1 of the job ended late: run 2 is in status InProgress.".into()),
        (spot(Phase::Running, false), overdue(), "Stopping Stopping run 2 deaths 1 stop 2".into()),
        (spot(Phase::Running, false), Event::Overdue("another".into()), "-".into()),

        (spot(Phase::Running, true), Event::InterruptRequested, "refused: The request was rejected because the training job is being interrupted already.".into()),
        (spot(Phase::Running, true), training(run(2)), "-".into()),
        (spot(Phase::Running, true), interrupted(), "Waiting Starting run 3 deaths 0 queue 3".into()),
        (spot(Phase::Running, true), end(run(2), completed()), "Ended(Completed) Completed run 2 deaths 0 ".into()),
        (spot(Phase::Running, true), end(run(2), failed()), "Ended(Failed) Failed run 2 deaths 0 ".into()),
        (spot(Phase::Running, true), Event::StopRequested, "Stopping Stopping run 2 deaths 1 stop 2".into()),
        (spot(Phase::Running, true), overdue(), "Stopping Stopping run 2 deaths 1 stop 2".into()),
        (spot(Phase::Running, true), Event::Restarted, "Waiting Starting run 3 deaths 1 queue 3 alarm in 60 s".into()),

        (spot(Phase::Stopping, true), Event::InterruptRequested, rejected("Stopping")),
        (spot(Phase::Stopping, true), interrupted(), "Ended(Stopped) Stopped run 2 deaths 0 ".into()),
        (spot(Phase::Stopping, true), overdue(), "-".into()),
        (spot(COMPLETED, false), Event::InterruptRequested, rejected("Completed")),
        (spot(COMPLETED, false), overdue(), "-".into()),
    ];
    for (state, event, expected) in table {
        let phase = state.life.phase;
        assert_eq!(outcome(&state, &event), expected, "{phase:?} × {event:?}");
    }
    // Its program is told to end for its time limit, or has ended.
    for status in ["Stopping", "Uploading"] {
        let (run, message, at, metrics) = (run(2), String::new(), NOW + 1, Metrics::new());
        let entered = Event::Secondary { run, status: status.to_owned(), message, at, metrics };
        let ending = after(spot(Phase::Running, false), &[(&entered, 1)]);
        let told = outcome(&ending, &Event::InterruptRequested);
        assert!(told.starts_with("refused: ") && told.contains(&format!("has secondary status {status}")), "{told}");
    }
    let ordinary = outcome(&state(Phase::Running, 1), &Event::InterruptRequested);
    assert!(ordinary.contains("is no managed spot training job"), "{ordinary}");
    let started = first(Setting { deadline: Some(NOW + 60_000), ..setting() }, NOW).effects;
    assert_eq!(started.iter().map(effect).collect::<Vec<_>>(), ["queue 1", "alarm in 60 s"]);
}

#[test]
fn a_spot_job_counts_the_time_of_all_its_runs_and_is_billed_for_a_part_of_it() {
    let (interrupted, admitted) = (end(run(2), TrainingEnd::Interrupted), Event::Admitted(run(3)));
    let secondary = |number, at| Event::Secondary {
        run: run(number),
        status: "Training".to_owned(),
        message: "m".to_owned(),
        at: NOW + at,
        metrics: Metrics::new(),
    };
    let (first, second) = (secondary(2, 0), secondary(3, 60_000));
    let events = [
        (&first, 0),
        (&Event::InterruptRequested, 4_000),
        (&interrupted, 5_000),
        (&admitted, 59_000),
        (&second, 60_000),
        (&end(run(3), completed()), 66_000),
    ];
    let ended = after(spot(Phase::Running, false), &events);
    let shown = json!(ended.progress);
    let statuses: Vec<_> =
        shown["SecondaryStatusTransitions"].as_array().unwrap().iter().map(|t| t["Status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["Starting", "Training", "Interrupted", "Starting", "Training", "Completed"]);
    assert_eq!(
        (&shown["TrainingTimeInSeconds"], &shown["BillableTimeInSeconds"], &shown["TrainingStartTime"]),
        (&json!(10), &json!(3), &json!(1_760_000_000.0))
    );
    assert_eq!(ended.spent(), Duration::from_secs(14), "two runs of seven seconds count against the time limit");
}

#[test]
fn a_spot_job_that_waited_too_long_keeps_what_it_has() {
    let has = TrainingEnd::Stopped { artifacts: Some("s3://out/half".to_owned()), max_runtime: false };
    let overdue = Event::Overdue("job".to_owned());
    let shown = json!(after(spot(Phase::Running, false), &[(&overdue, 0), (&end(run(2), has), 1)]).progress);
    assert_eq!(
        (&shown["SecondaryStatus"], &shown["ModelArtifacts"]["S3ModelArtifacts"]),
        (&json!("MaxWaitTimeExceeded"), &json!("s3://out/half"))
    );
    // The cloud died while the job was being stopped.
    let shown = json!(after(spot(Phase::Running, true), &[(&overdue, 0), (&Event::Restarted, 1)]).progress);
    assert_eq!(shown["SecondaryStatus"], "MaxWaitTimeExceeded");
}

/// Status, seconds, the job that has it, and what is written.
fn pool(state: &State) -> String {
    let mut stored = Map::new();
    state.pool.as_ref().unwrap().show(&mut stored).unwrap();
    let Some(shown) = stored.get(pool::MEMBER) else { return "none".to_owned() };
    let word = |change: &pool::Change| match change {
        pool::Change::Offered { due, .. } => format!("offered until {}", due - NOW),
        pool::Change::Kept { due, .. } => format!("kept until {}", due - NOW),
        pool::Change::Gone { due, .. } => format!("gone, was until {}", due - NOW),
    };
    let written: Vec<_> = state.pooled.iter().map(word).collect();
    format!(
        "{} {} {} {}",
        shown["Status"],
        shown["ResourceRetainedBillableTimeInSeconds"],
        shown["ReusedByJob"],
        written.join(" ")
    )
}

#[test]
fn the_instances_of_a_job_are_kept_for_another_one_until_their_time_is_over() {
    let launched = Event::Launched { run: run(2), pooled: None };
    let old = Event::Launched { run: run(2), pooled: Some(NOW - 28 * 24 * 3_600_000) };
    let done = end(run(2), completed());
    let keep = |seconds| Event::Updated { profiler: None, rules: None, keep_alive: Some(seconds) };
    let reused = Event::Reused { job: "job".to_owned(), by: "next".to_owned() };
    let expired = |after: i64| Event::PoolExpired { job: "job".to_owned(), due: NOW + after };
    let broken = end(run(2), TrainingEnd::Failed { reason: "InternalServerError: disk".to_owned() });
    let failed = end(run(2), TrainingEnd::Failed { reason: "AlgorithmError: bug".to_owned() });
    let other = Event::Reused { job: "an earlier one".to_owned(), by: "next".to_owned() };
    let available = [(&launched, 0), (&done, 1_000)];
    #[rustfmt::skip]
    let table: Vec<(Vec<(&Event, i64)>, &str)> = vec![
        (vec![], "none"),
        (vec![(&done, 1_000)], "none"),
        (vec![(&launched, 0)], "\"InUse\" null null "),
        (available.to_vec(), "\"Available\" 0 null offered until 11000"),
        (vec![(&launched, 0), (&failed, 1_000)], "\"Available\" 0 null offered until 11000"),
        (vec![(&launched, 0), (&broken, 1_000)], "\"Terminated\" null null "),
        (vec![(&old, 0), (&done, 1_000)], "\"Terminated\" null null "),
        ([available.as_slice(), &[(&reused, 4_000)]].concat(), "\"Reused\" 3 \"next\" gone, was until 11000"),
        ([available.as_slice(), &[(&other, 4_000)]].concat(), "\"Available\" 0 null "),
    ];
    for (events, expected) in table {
        assert_eq!(pool(&after(pooled(Phase::Running), &events)), expected, "{events:?}");
    }
    let ready = || after(pooled(Phase::Running), &available);
    for (event, at, expected) in [
        (expired(11_000), 11_500, "\"Terminated\" 10 null gone, was until 11000"),
        (expired(5_000), 5_500, "\"Available\" 0 null "),
        (keep(20), 2_000, "\"Available\" 0 null kept until 21000"),
        (keep(0), 2_000, "\"Terminated\" 1 null gone, was until 11000"),
        (keep(1), 4_000, "\"Terminated\" 3 null gone, was until 11000"),
        (Event::Restarted, 4_000, "\"Available\" 0 null "),
    ] {
        assert_eq!(pool(&after(ready(), &[(&event, at)])), expected, "{event:?}");
    }
    let twice =
        after(ready(), &[(&reused, 4_000), (&Event::Reused { job: "job".to_owned(), by: "late".to_owned() }, 5_000)]);
    assert_eq!(pool(&twice), "\"Reused\" 3 \"next\" ");
    for (state, why) in [
        (pooled(Phase::Running), "has no warm pool"),
        (after(pooled(Phase::Running), &[(&launched, 0)]), "in status InUse"),
        (after(ready(), &[(&reused, 0)]), "in status Reused"),
        (state(COMPLETED, 0), "has no warm pool"),
    ] {
        assert!(outcome(&state, &keep(5)).contains(why), "{why}: {}", outcome(&state, &keep(5)));
    }
}

fn events() -> impl Strategy<Value = Event> {
    let any_run =
        || (1..6_u64, prop::bool::weighted(0.1)).prop_map(|(n, foreign)| if foreign { other() } else { run(n) });
    prop_oneof![
        4 => any_run().prop_map(Event::Admitted),
        2 => any_run().prop_map(training),
        2 => (any_run(), prop_oneof![Just(completed()), Just(failed()), Just(stopped()), Just(TrainingEnd::Interrupted)]).prop_map(|(run, e)| end(run, e)),
        1 => Just(Event::StopRequested),
        1 => Just(Event::Updated { profiler: None, rules: None, keep_alive: None }),
        1 => Just(Event::InterruptRequested),
        1 => Just(Event::Overdue("job".to_owned())),
        3 => Just(Event::Restarted),
        2 => Just(Event::CloudEnds),
    ]
}

proptest! {
    #[test]
    fn after_any_events_one_run_is_live_at_most_and_a_restart_leads_to_an_end(
        events in prop::collection::vec(events(), 0..40), on_spot in any::<bool>(),
    ) {
        let deadline = on_spot.then_some(NOW + 60_000);
        let mut state = first(Setting { retries: 2, deadline, ..setting() }, NOW).state.unwrap();
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
