//! What a job's input, output and lines can make the embedded cloud do.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod runner_support;
mod training_support;

use sagewright_cloud::sagemaker::ports::{TrainingEnd, TrainingEvent};
use serde_json::json;
use training_support::{GROUP, failure, machine, merge, request, start};

#[tokio::test]
async fn a_metric_definition_that_runs_away_costs_only_itself() {
    let mut machine = machine();
    let script = r#"
        echo ready=1
        long=$(head -c 8000 /dev/zero | tr '\0' a)
        for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do echo "$long"; done
        echo late=2
    "#;
    let image = machine.shell("flood", script);
    let definitions = json!([
        {"Name": "ready", "Regex": "ready=([0-9]+)"},
        {"Name": "bad", "Regex": r"(a*)*\1b"},
        {"Name": "late", "Regex": "late=([0-9]+)"},
    ]);
    let algorithm = json!({"TrainingImage": image, "TrainingInputMode": "File", "MetricDefinitions": definitions});
    let request = merge(request(&image), json!({"AlgorithmSpecification": algorithm}));
    let (end, events) = start(&machine, request).end().await;
    assert!(matches!(end, TrainingEnd::Completed { .. }), "{end:?}");
    let metrics: Vec<_> = events
        .iter()
        .filter_map(|e| match e {
            TrainingEvent::Metric { name, value, .. } => Some((name.as_str(), *value)),
            TrainingEvent::Secondary { .. } | TrainingEvent::MetricOfOtherHost { .. } => None,
        })
        .collect();
    assert_eq!(metrics, [("ready", 1.0), ("late", 2.0)]);
    let lines = machine.lines(GROUP, "job/algo-1");
    let told: Vec<_> = lines.iter().filter(|line| line.contains("dropped")).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("Metric definition 'bad' is dropped: its regex takes more than 10000 steps back"));
    assert_eq!(lines.len(), 23, "all lines of the program are in its log");
}

#[tokio::test]
async fn what_says_why_a_job_failed_is_a_plain_file_of_its_own() {
    let mut machine = machine();
    std::fs::create_dir_all(machine.path("outside")).unwrap();
    std::fs::write(machine.path("outside/failure"), "a secret").unwrap();
    let outside = machine.path("outside").display().to_string();
    for (name, script) in [
        ("link", format!("ln -s {outside}/failure output/failure")),
        ("folder", format!("mv output there; ln -s {outside} output")),
        ("pipe", "mkfifo output/failure".to_owned()),
        ("device", "ln -s /dev/zero output/failure".to_owned()),
        ("none", "mkdir output/failure".to_owned()),
    ] {
        let image = machine.shell(name, &format!("cd $SAGEMAKER_BASE_DIR; {script}; exit 3"));
        let (end, _) = start(&machine, request(&image)).end().await;
        assert_eq!(failure(end), "AlgorithmError: , exit code: 3", "{name}");
    }
    let image = machine.shell("long", "yes | head -c 5000000 > $SAGEMAKER_BASE_DIR/output/failure; exit 3");
    let reason = failure(start(&machine, request(&image)).end().await.0);
    assert!(reason.starts_with("AlgorithmError: y\ny\n") && reason.ends_with(", exit code: 3"), "{reason}");
}

#[tokio::test]
async fn a_link_in_the_place_of_a_results_folder_gives_nothing_away() {
    let mut machine = machine();
    std::fs::create_dir_all(machine.path("outside/data")).unwrap();
    std::fs::write(machine.path("outside/data/secret"), "x").unwrap();
    let outside = machine.path("outside").display().to_string();
    let script = format!(
        "cd $SAGEMAKER_BASE_DIR; mv model there; ln -s {outside}/data model; rm -r output; ln -s {outside} output"
    );
    let image = machine.shell("links", &script);
    let (end, _) = start(&machine, request(&image)).end().await;
    assert!(matches!(end, TrainingEnd::Completed { .. }), "{end:?}");
    assert_eq!(machine.objects.archive("out", "models/job/output/model.tar.gz").len(), 0);
    let lines = machine.lines(GROUP, "job/algo-1");
    assert!(lines.iter().any(|line| line.starts_with("model is left out: a link")), "{lines:?}");
    assert!(lines.iter().any(|line| line.starts_with("output/data is left out: a link")), "{lines:?}");
}
