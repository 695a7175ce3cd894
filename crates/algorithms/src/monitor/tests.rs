//! Worked examples of data quality: files in, documents out.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::*;

/// A container's folder, and its variables.
struct Job {
    folder: tempfile::TempDir,
    environment: Environment,
}

impl Job {
    fn new(variables: &[(&str, &str)]) -> Self {
        let mut environment = Environment::default();
        let all = [("dataset_source", "/opt/ml/processing/in"), ("output_path", "/opt/ml/processing/out")];
        for (name, value) in all.iter().chain(variables) {
            environment.0.insert((*name).to_owned(), (*value).to_owned());
        }
        Self { folder: tempfile::tempdir().unwrap(), environment }
    }

    fn put(self, path: &str, text: &str) -> Self {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn run(&self) -> Result<String, String> {
        analyse(&Container::new(self.folder.path()), &self.environment)
    }

    fn out(&self, name: &str) -> Value {
        serde_json::from_str(&fs::read_to_string(self.path("processing/out").join(name)).unwrap()).unwrap()
    }
}

const CSV: (&str, &str) = ("dataset_format", r#"{"csv": {"header": true}}"#);
const CAPTURE: (&str, &str) =
    ("dataset_format", r#"{"sagemakerCaptureJson": {"captureIndexNames": ["endpointInput", "endpointOutput"]}}"#);
const CONSTRAINTS: (&str, &str) = ("baseline_constraints", "/opt/ml/processing/baseline/constraints.json");
const STATISTICS: (&str, &str) = ("baseline_statistics", "/opt/ml/processing/baseline/statistics.json");

/// Twenty houses: their price, rooms, a share, and their town.
fn houses() -> String {
    let rows = (0..20).map(|n| format!("{},{},0.{},{}\n", 100 + n, n % 5, n % 10, ["oslo", "bergen"][n % 2]));
    std::iter::once("price,rooms,share,town\n".to_owned()).chain(rows).collect()
}

fn baseline() -> Job {
    let job = Job::new(&[CSV]).put("processing/in/a.csv", &houses());
    assert_eq!(job.run().unwrap(), "Completed: Job completed successfully with no violations.");
    job
}

#[test]
fn a_baseline_has_the_statistics_and_suggests_constraints() {
    let job = baseline();
    let statistics = job.out("statistics.json");
    assert_eq!(statistics["dataset"], json!({ "item_count": 20 }));
    let features = statistics["features"].as_array().unwrap();
    let price = &features[0];
    assert_eq!((&price["name"], &price["inferred_type"]), (&json!("price"), &json!("Integral")));
    let numbers = &price["numerical_statistics"];
    assert_eq!(numbers["common"], json!({ "num_present": 20, "num_missing": 0 }));
    assert_eq!(
        (&numbers["mean"], &numbers["sum"], &numbers["min"], &numbers["max"]),
        (&json!(109.5), &json!(2190.0), &json!(100.0), &json!(119.0))
    );
    assert!((numbers["std_dev"].as_f64().unwrap() - 33.25f64.sqrt()).abs() < 1e-12);
    let buckets = numbers["distribution"]["kll"]["buckets"].as_array().unwrap();
    assert_eq!(buckets.len(), 10);
    assert_eq!(buckets[0], json!({ "lower_bound": 100.0, "upper_bound": 101.9, "count": 2.0 }));
    assert_eq!(buckets.iter().map(|bucket| bucket["count"].as_f64().unwrap()).sum::<f64>(), 20.0);
    assert_eq!(numbers["distribution"]["kll"]["sketch"]["parameters"], json!({ "c": 0.64, "k": 2048.0 }));
    let town = &features[3]["string_statistics"];
    assert_eq!(town["distinct_count"], json!(2.0));
    assert_eq!(
        town["distribution"]["categorical"]["buckets"],
        json!([{ "value": "bergen", "count": 10 }, { "value": "oslo", "count": 10 }])
    );

    let constraints = job.out("constraints.json");
    let expected = json!([
        { "name": "price", "inferred_type": "Integral", "completeness": 1.0, "num_constraints": { "is_non_negative": true } },
        { "name": "rooms", "inferred_type": "Integral", "completeness": 1.0, "num_constraints": { "is_non_negative": true } },
        { "name": "share", "inferred_type": "Fractional", "completeness": 1.0, "num_constraints": { "is_non_negative": true } },
        { "name": "town", "inferred_type": "String", "completeness": 1.0, "string_constraints": { "domains": ["bergen", "oslo"] } },
    ]);
    assert_eq!(constraints["features"], expected);
    assert_eq!(constraints["monitoring_config"]["distribution_constraints"]["comparison_method"], "Robust");
    assert!(!job.path("processing/out/constraint_violations.json").exists());
}

/// One captured request.
fn captured(input: &str, output: &str) -> String {
    let part = |data: &str| json!({ "data": data, "encoding": "CSV", "observedContentType": "text/csv" });
    let line = json!({
        "captureData": { "endpointInput": part(input), "endpointOutput": part(output) },
        "eventMetadata": { "eventId": "e" }, "eventVersion": "0",
    });
    format!("{line}\n")
}

/// Runs captured data against the houses' baseline; gives the violations as check, feature and description.
fn violations(lines: &[String], change: impl Fn(&mut Value)) -> Vec<(String, String, String)> {
    let baseline = baseline();
    let mut constraints = baseline.out("constraints.json");
    change(&mut constraints);
    let job = Job::new(&[CAPTURE, CONSTRAINTS, STATISTICS])
        .put("processing/in/e/v/2026/01/01/00/x.jsonl", &lines.concat())
        .put("processing/baseline/constraints.json", &constraints.to_string())
        .put("processing/baseline/statistics.json", &baseline.out("statistics.json").to_string());
    let message = job.run().unwrap();
    let found = job.out("constraint_violations.json")["violations"].as_array().unwrap().clone();
    let expected = match found.len() {
        0 => "Completed: Job completed successfully with no violations.".to_owned(),
        count => format!("CompletedWithViolations: Job completed successfully with {count} violations."),
    };
    assert_eq!(message, expected);
    let text = |violation: &Value, member: &str| violation[member].as_str().unwrap().to_owned();
    found.iter().map(|v| (text(v, "constraint_check_type"), text(v, "feature_name"), text(v, "description"))).collect()
}

fn checks(found: &[(String, String, String)]) -> Vec<(&str, &str)> {
    found.iter().map(|(check, feature, _)| (&**check, &**feature)).collect()
}

/// The houses as requests: the price is what the model answers.
fn same() -> Vec<String> {
    (0..20)
        .map(|n| captured(&format!("{},0.{},{}", n % 5, n % 10, ["oslo", "bergen"][n % 2]), &format!("{}\n", 100 + n)))
        .collect()
}

#[test]
fn the_same_data_violates_nothing() {
    assert_eq!(violations(&same(), |_| {}), []);
}

#[test]
fn each_check_tells_what_it_finds() {
    let rows = |of: &dyn Fn(usize) -> String| -> Vec<String> {
        (0..20).map(|n| captured(&of(n), &format!("{}", 100 + n))).collect()
    };
    let town = |n: usize| ["oslo", "bergen"][n % 2];
    // What differs, the requests, the violations, and what the first one says.
    type Case<'c> = (&'c str, Vec<String>, &'c [(&'c str, &'c str)], &'c str);
    let cases: [Case<'_>; 6] = [
        (
            "types",
            rows(&|n| format!("{},0.{},{}", if n < 5 { "x".to_owned() } else { (n % 5).to_string() }, n % 10, town(n))),
            &[("data_type_check", "rooms")],
            "Data type match requirement is not met. Expected data type: Integral, Expected match: 100.0%. Observed: Only 75.0% \
             of data is Integral.",
        ),
        (
            "completeness",
            rows(&|n| format!("{},{},{}", n % 5, if n < 2 { String::new() } else { format!("0.{}", n % 10) }, town(n))),
            &[("completeness_check", "share")],
            "Data completeness requirement is not met. Expected completeness: 100.0%. Observed: Only 90.0% of data is complete.",
        ),
        (
            "domain",
            rows(&|n| format!("{},0.{},{}", n % 5, n % 10, if n == 0 { "paris" } else { town(n) })),
            &[("categorical_values_check", "town")],
            "Categorical values requirement is not met. Expected match: 100.0%. Observed: Only 95.0% of data is in the \
             baseline's domain.",
        ),
        (
            "drift",
            rows(&|n| format!("{},0.{},{}", n % 5 + 1000, n % 10, town(n))),
            &[("baseline_drift_check", "rooms")],
            "Numerical distribution constraint is not met. Baseline drift distance: 0.4307900211696917 exceeds threshold: 0.1",
        ),
        (
            "missing",
            rows(&|n| format!("{},0.{}", n % 5, n % 10)),
            &[("missing_column_check", "Missing columns")],
            "There are missing columns in current dataset. Number of columns in current dataset: 3, Number of columns in \
             baseline constraints: 4",
        ),
        (
            "extra",
            rows(&|n| format!("{},0.{},{},more", n % 5, n % 10, town(n))),
            &[("extra_column_check", "Extra columns")],
            "There are extra columns in current dataset. Number of columns in current dataset: 5, Number of columns in baseline \
             constraints: 4",
        ),
    ];
    for (name, lines, expected, description) in cases {
        let found = violations(&lines, |_| {});
        assert_eq!(checks(&found), expected, "{name}");
        assert_eq!(found[0].2, description, "{name}");
    }
}

#[test]
fn rules_of_the_constraints_file_are_heeded() {
    let drifted: Vec<_> = (0..20)
        .map(|n| captured(&format!("{},0.{},{}", n % 5 + 1000, n % 10, ["oslo", "bergen"][n % 2]), "100"))
        .collect();
    let all = |constraints: &mut Value, member: &str, value: Value| {
        constraints["monitoring_config"]["distribution_constraints"][member] = value;
    };
    assert_eq!(
        checks(&violations(&drifted, |_| {})),
        [("baseline_drift_check", "price"), ("baseline_drift_check", "rooms")]
    );
    assert_eq!(violations(&drifted, |c| all(c, "perform_comparison", json!("Disabled"))), []);
    assert_eq!(violations(&drifted, |c| all(c, "comparison_threshold", json!(0.5))), []);
    // 19 of 20 rooms are numbers.
    let wrong: Vec<_> = (0..20)
        .map(|n| {
            captured(
                &format!(
                    "{},0.{},{}",
                    if n == 0 { "x".to_owned() } else { (n % 5).to_string() },
                    n % 10,
                    ["oslo", "bergen"][n % 2]
                ),
                &format!("{}", 100 + n),
            )
        })
        .collect();
    for (threshold, found) in [(0.96, &[("data_type_check", "rooms")][..]), (0.95, &[])] {
        let rules =
            |constraints: &mut Value| constraints["monitoring_config"]["datatype_check_threshold"] = json!(threshold);
        assert_eq!(checks(&violations(&wrong, rules)), found, "{threshold}");
    }
    let simple = violations(&drifted, |c| all(c, "comparison_method", json!("Simple")));
    assert!(simple.iter().any(|(_, feature, text)| feature == "rooms" && text.contains("distance: 1.0 exceeds")));
    let own = violations(&drifted, |c| {
        c["features"][1]["monitoring_config_overrides"] = json!({ "evaluate_constraints": "Disabled" });
    });
    assert_eq!(checks(&own), [("baseline_drift_check", "price")]);
}

#[test]
fn metrics_are_written_where_they_are_asked_for() {
    let variables = [
        CSV,
        ("publish_cloudwatch_metrics", "Enabled"),
        ("sagemaker_endpoint_name", "e"),
        ("sagemaker_monitoring_schedule_name", "s"),
        ("metric_time", "2026-01-01T00:00:00Z"),
    ];
    let job = Job::new(&variables).put("processing/in/a.csv", "n,t\n1,x\n3,\n");
    job.run().unwrap();
    let text = fs::read_to_string(job.path("output/metrics/cloudwatch/cloudwatch_metrics.jsonl")).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let dimensions = json!([{ "Name": "Endpoint", "Value": "e" }, { "Name": "MonitoringSchedule", "Value": "s" }]);
    let line = |name: &str, member: &str, value: Value| json!({ "MetricName": name, "Timestamp": "2026-01-01T00:00:00Z", "Dimensions": dimensions, member: value });
    let statistics = json!({ "SampleCount": 2.0, "Sum": 4.0, "Minimum": 1.0, "Maximum": 3.0 });
    assert_eq!(
        lines,
        [
            line("feature_data_n", "StatisticValues", statistics),
            line("feature_non_null_n", "Value", json!(1.0)),
            line("feature_non_null_t", "Value", json!(0.5)),
        ]
    );
}

#[test]
fn what_cannot_be_analysed_is_told() {
    let script = ("record_preprocessor_script", "/opt/ml/processing/code/p.py");
    for (job, part) in [
        (Job::new(&[CSV]).put("processing/in/a.csv", "a,b\n"), "Job inputs had no data"),
        (Job::new(&[CSV, script]).put("processing/in/a.csv", "a\n1\n"), "record_preprocessor_script is not supported"),
        (Job::new(&[CSV]), "cannot read"),
        (Job::new(&[CAPTURE]).put("processing/in/a.jsonl", "{}\n"), "a.jsonl: a line has no eventMetadata.eventId"),
        (
            Job::new(&[CSV, CONSTRAINTS]).put("processing/in/a.csv", "a\n1\n"),
            "which the variable baseline_constraints names",
        ),
        (Job::new(&[]).put("processing/in/a.csv", "a\n1\n"), "dataset_format is missing"),
    ] {
        let error = job.run().unwrap_err();
        assert!(error.contains(part), "{error}");
    }
}

fn run_program(job: &Job, image: &str) -> (Result<String, String>, Container) {
    let container = Container::new(job.folder.path());
    let done = match image {
        "merger" => merge::run(&container, &job.environment),
        _ => analyse(&container, &job.environment),
    };
    (done, container)
}

/// What is told is read by users: the folders of this machine are none of theirs.
#[test]
fn places_are_told_as_the_container_sees_them() {
    let job = Job::new(&[CSV]);
    let host = job.folder.path().display().to_string();
    let told = job.run().unwrap_err();
    assert!(told.contains("cannot read /opt/ml/processing/in: ") && !told.contains(&host), "{told}");
    let truth = ("ground_truth_source", "/opt/ml/processing/truth");
    let job = Job::new(&[truth]);
    let (told, _) = run_program(&job, "merger");
    assert!(told.unwrap_err().contains("cannot read /opt/ml/processing/truth: "));
    let job = Job::new(&[truth]).put("processing/truth/2026/t.jsonl", "{\n");
    let (told, _) = run_program(&job, "merger");
    assert!(told.unwrap_err().starts_with("ground truth /opt/ml/processing/truth/2026/t.jsonl: "));
}

#[test]
fn ground_truth_is_merged_by_the_id_of_its_event() {
    let truth = json!({
        "groundTruthData": { "data": "1", "encoding": "CSV", "more": "x".repeat(100) },
        "eventMetadata": { "eventId": "e" }, "eventVersion": "0",
    });
    let captured = |id: &str| {
        json!({
            "captureData": { "endpointOutput": { "data": "0.5", "encoding": "CSV", "mode": "OUTPUT" } },
            "eventMetadata": { "eventId": id }, "eventVersion": "0",
        })
    };
    let job = Job::new(&[("ground_truth_source", "/opt/ml/processing/truth")])
        .put("processing/truth/t.jsonl", &format!("{truth}\n"))
        .put("processing/in/e/v/a.jsonl", &format!("{}\n{}\n", captured("e"), captured("f")));
    let (done, _) = run_program(&job, "merger");
    assert_eq!(done.unwrap(), "Completed: Job completed successfully. 1 records were merged.");
    let merged = fs::read_to_string(job.path("processing/out/e/v/a.jsonl")).unwrap();
    let merged: Value = serde_json::from_str(&merged).unwrap();
    let expected = json!({
        "eventVersion": "0",
        "groundTruthData": { "data": "1", "encoding": "CSV" },
        "captureData": captured("e")["captureData"],
        "eventMetadata": { "eventId": "e" },
    });
    assert_eq!(merged, expected);
}

/// Each of two instances would analyse all data, put all metrics, and write its reports over those of the other one.
#[test]
fn one_of_several_instances_does_the_work() {
    let of = |host: &str, distribution: &str| {
        let resources = json!({ "current_host": host, "hosts": ["algo-1", "algo-2"] });
        let input = json!({ "InputName": "data", "S3Input": { "S3DataDistributionType": distribution } });
        Job::new(&[CSV])
            .put("processing/in/a.csv", &houses())
            .put("config/resourceconfig.json", &resources.to_string())
            .put("config/processingjobconfig.json", &json!({ "ProcessingInputs": [input] }).to_string())
    };
    let works = |job: &Job| hosts::works(&Container::new(job.folder.path()));
    assert_eq!(works(&of("algo-1", "FullyReplicated")), Ok(true));
    assert_eq!(works(&of("algo-2", "FullyReplicated")), Ok(false));
    let told = works(&of("algo-1", "ShardedByS3Key")).unwrap_err();
    assert!(told.contains("the input data is ShardedByS3Key") && told.contains("FullyReplicated"), "{told}");
    assert_eq!(works(&Job::new(&[])), Ok(true));
    // Variables of this process say nothing, so that the work would fail and leave a message.
    let idle = of("algo-2", "FullyReplicated");
    assert_eq!(run(idle.folder.path(), "analyzer"), 0);
    assert!(!idle.path("output/message").exists());
}

#[test]
fn a_json_document_that_does_not_fit_into_memory_is_refused() {
    let job = Job::new(&[("dataset_format", r#"{"json": {"lines": false}}"#)]).put("processing/in/a.json", "[");
    fs::OpenOptions::new().write(true).open(job.path("processing/in/a.json")).unwrap().set_len(300 << 20).unwrap();
    let told = job.run().unwrap_err();
    assert!(told.starts_with("a.json: is longer than ") && told.contains(r#"{"lines": true}"#), "{told}");
}
