//! Worked examples of model quality.

use serde_json::{Value, json};

use super::*;

fn scores<M: Measure>(records: &[(&str, &str, Option<f64>)]) -> (M, Vec<(String, f64)>) {
    let mut measure = M::default();
    for (truth, predicted, probability) in records {
        let record =
            Record { truth: (*truth).to_owned(), predicted: (*predicted).to_owned(), probability: *probability };
        measure.push(&record);
    }
    let scores = measure.scores();
    (measure, scores)
}

fn close(scores: &Scores, expected: &[(&str, f64)]) {
    for (name, value) in expected {
        let found = scores.iter().find(|(metric, _)| metric == name).unwrap_or_else(|| panic!("{name}")).1;
        assert!((found - value).abs() < 1e-9, "{name} is {found}, not {value}");
    }
}

#[test]
fn a_regression_is_measured_by_its_errors() {
    // sklearn: mean_absolute_error 0.5, mean_squared_error 0.375, r2_score 0.9486081370449679.
    let records = [("3", "2.5", None), ("-0.5", "0.0", None), ("2", "2", None), ("7", "8", None)];
    let (_, scores) = scores::<Regression>(&records);
    close(&scores, &[("mae", 0.5), ("mse", 0.375), ("rmse", 0.375f64.sqrt()), ("r2", 0.948_608_137_044_967_9)]);
}

#[test]
fn a_binary_classification_is_measured_by_its_matrix_and_its_curve() {
    // True 1: three, two of them found. True 0: five, one of them taken for 1.
    let records = [
        ("1", "1", Some(0.9)),
        ("1", "1", Some(0.8)),
        ("1", "0", Some(0.3)),
        ("0", "1", Some(0.7)),
        ("0", "0", Some(0.2)),
        ("0", "0", Some(0.15)),
        ("0", "0", Some(0.4)),
        ("0", "0", Some(0.1)),
    ];
    let (measure, scores) = scores::<Binary>(&records);
    close(
        &scores,
        &[
            ("recall", 2.0 / 3.0),
            ("precision", 2.0 / 3.0),
            ("accuracy", 0.75),
            ("f1", 2.0 / 3.0),
            ("f2", 2.0 / 3.0),
            ("true_positive_rate", 2.0 / 3.0),
            ("false_negative_rate", 1.0 / 3.0),
            ("false_positive_rate", 0.2),
            ("true_negative_rate", 0.8),
            // 13 of 15 pairs are in order.
            ("auc", 13.0 / 15.0),
            ("accuracy_best_constant_classifier", 0.625),
            ("recall_best_constant_classifier", 0.0),
        ],
    );
    let more = measure.more();
    assert_eq!(more["confusion_matrix"], json!({ "0": { "0": 4.0, "1": 1.0 }, "1": { "0": 1.0, "1": 2.0 } }));
    let curve = &more["receiver_operating_characteristic_curve"];
    assert_eq!(curve["true_positive_rates"].as_array().unwrap().last(), Some(&json!(1.0)));
    assert_eq!(curve["false_positive_rates"].as_array().unwrap().len(), 9);
}

#[test]
fn classes_count_by_how_often_they_are_true() {
    let records = [("a", "a", None), ("a", "a", None), ("a", "b", None), ("b", "b", None), ("c", "a", None)];
    let (_, scores) = scores::<Multiclass>(&records);
    close(
        &scores,
        &[
            ("accuracy", 0.6),
            ("weighted_recall", 0.6),
            // 3/5 · 2/3 + 1/5 · 1/2 + 1/5 · 0
            ("weighted_precision", 0.5),
            ("weighted_f1", 0.6 * (2.0 / 3.0) + 0.2 * (2.0 / 3.0)),
            ("accuracy_best_constant_classifier", 0.6),
        ],
    );
}

#[test]
fn constraints_are_suggested_and_held() {
    let scores =
        vec![("recall".to_owned(), 0.5), ("false_positive_rate".to_owned(), 0.2), ("auc".to_owned(), f64::NAN)];
    let suggested = Problem::Binary.suggest(&scores);
    assert_eq!(
        suggested["binary_classification_constraints"],
        json!({
            "recall": { "threshold": 0.5, "comparison_operator": "LessThanThreshold" },
            "false_positive_rate": { "threshold": 0.2, "comparison_operator": "GreaterThanThreshold" },
        })
    );
    let text = suggested.to_string();
    assert_eq!(Problem::Binary.violations(&text, &scores, &vec![]), Ok(vec![]));
    let worse = vec![("recall".to_owned(), 0.25), ("false_positive_rate".to_owned(), 0.4)];
    let deviations = vec![("recall".to_owned(), 0.125)];
    let found = Problem::Binary.violations(&text, &worse, &deviations).unwrap();
    assert_eq!(
        found[0],
        json!({
            "constraint_check_type": "LessThanThreshold",
            "description": "Metric recall with 0.25 +/- 0.125 was LessThanThreshold '0.5'",
            "metric_name": "recall",
        })
    );
    assert_eq!(found[1]["description"], "Metric false_positive_rate with 0.4 +/- NaN was GreaterThanThreshold '0.2'");
    assert!(Problem::Regression.violations(&text, &worse, &deviations).unwrap_err().contains("regression_constraints"));
    let wrong = json!({ "regression_constraints": { "mae": { "threshold": 1, "comparison_operator": "Equals" } } });
    let error =
        Problem::Regression.violations(&wrong.to_string(), &vec![("mae".to_owned(), 1.0)], &vec![]).unwrap_err();
    assert!(error.contains("'Equals'"), "{error}");
}

#[test]
fn a_deviation_needs_enough_records() {
    for (count, told) in [(199, false), (1000, true)] {
        let mut samples = Samples::<Regression>::default();
        for n in 0..count {
            samples.push(&Record { truth: n.to_string(), predicted: (n + n % 7).to_string(), probability: None });
        }
        let (scores, deviations) = samples.scores();
        assert_eq!(scores.len(), 4);
        assert_eq!(!deviations.is_empty(), told);
        assert!(deviations.iter().all(|(_, deviation)| *deviation >= 0.0 && *deviation < 1000.0));
    }
}

fn environment(variables: &[(&str, &str)]) -> Environment {
    let mut environment = Environment::default();
    let all = [
        ("dataset_source", "/opt/ml/processing/in"),
        ("output_path", "/opt/ml/processing/out"),
        ("analysis_type", "MODEL_QUALITY"),
    ];
    environment.0.extend(all.iter().chain(variables).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    environment
}

#[test]
fn a_baseline_and_merged_data_are_read_by_their_attributes() {
    let folder = tempfile::tempdir().unwrap();
    let container = Container::new(folder.path());
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let read = |name: &str| -> Value {
        serde_json::from_str(&std::fs::read_to_string(folder.path().join("processing/out").join(name)).unwrap())
            .unwrap()
    };
    write("processing/in/a.csv", "probability,prediction,label\n0.9,1,1\n0.2,0,0\n0.4,0,1.0\n");
    let baseline = environment(&[
        ("problem_type", "BinaryClassification"),
        ("dataset_format", r#"{"csv": {"header": true}}"#),
        ("inference_attribute", "prediction"),
        ("probability_attribute", "probability"),
        ("ground_truth_attribute", "label"),
    ]);
    assert_eq!(run(&container, &baseline).unwrap(), "Completed: Job completed successfully with no violations.");
    let statistics = read("statistics.json");
    assert_eq!(statistics["dataset"]["item_count"], 3);
    let metrics = &statistics["binary_classification_metrics"];
    assert_eq!(metrics["recall"], json!({ "value": 0.5, "standard_deviation": "NaN" }));
    assert_eq!(metrics["precision"]["value"], 1.0);

    std::fs::rename(folder.path().join("processing/out/constraints.json"), folder.path().join("constraints.json"))
        .unwrap();
    std::fs::remove_file(folder.path().join("processing/in/a.csv")).unwrap();
    let line = |probability: &str, truth: &str| {
        let merged = json!({
            "eventVersion": "0", "eventMetadata": { "eventId": "e" },
            "groundTruthData": { "data": truth, "encoding": "CSV" },
            "captureData": { "endpointOutput": { "data": probability, "encoding": "CSV", "observedContentType": "text/csv" } },
        });
        format!("{merged}\n")
    };
    write("processing/in/e/v/x.jsonl", &[line("0.7", "0"), line("0.1", "1")].concat());
    let monitoring = environment(&[
        ("problem_type", "BinaryClassification"),
        ("dataset_format", r#"{"sagemakerMergeJson": {"captureIndexNames": ["endpointOutput"]}}"#),
        ("probability_attribute", "0"),
        ("probability_threshold_attribute", "0.5"),
        ("baseline_constraints", "/opt/ml/constraints.json"),
        ("publish_cloudwatch_metrics", "Enabled"),
    ]);
    let message = run(&container, &monitoring).unwrap();
    assert!(message.starts_with("CompletedWithViolations: Job completed successfully with "), "{message}");
    let violations = read("constraint_violations.json");
    let names: Vec<_> =
        violations["violations"].as_array().unwrap().iter().map(|v| v["metric_name"].as_str().unwrap()).collect();
    assert!(
        names.contains(&"recall") && names.contains(&"accuracy") && names.contains(&"false_positive_rate"),
        "{names:?}"
    );
    let metrics =
        std::fs::read_to_string(folder.path().join("output/metrics/cloudwatch/cloudwatch_metrics.jsonl")).unwrap();
    assert!(metrics.lines().any(|line| line.contains(r#""MetricName":"accuracy""#)), "{metrics}");
}

#[test]
fn what_is_missing_is_told() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("processing/in")).unwrap();
    std::fs::write(folder.path().join("processing/in/a.csv"), "p,l\nx,1\n").unwrap();
    let csv = ("dataset_format", r#"{"csv": {"header": true}}"#);
    let truth = ("ground_truth_attribute", "l");
    for (variables, part) in [
        (&[csv, truth][..], "problem_type is missing"),
        (&[csv, truth, ("problem_type", "Ranking")], "'Ranking' is not known"),
        (&[csv, truth, ("problem_type", "Regression")], "inference_attribute"),
        (&[csv, truth, ("problem_type", "Regression"), ("inference_attribute", "q")], "there is no column q"),
        (&[csv, truth, ("problem_type", "Regression"), ("inference_attribute", "p")], "'x' is not a number"),
        (&[csv, ("problem_type", "Regression"), ("inference_attribute", "p")], "ground_truth_attribute is missing"),
    ] {
        let error = run(&Container::new(folder.path()), &environment(variables)).unwrap_err();
        assert!(error.contains(part), "{error}");
    }
}

/// A label taken from the wrong column has a class for each row: it is refused before a matrix of all pairs is made.
#[test]
fn what_has_too_many_classes_is_no_classification() {
    let table = |classes: usize| -> String {
        std::iter::once("p,l\n".to_owned())
            .chain((0..classes).map(|n| format!("c{n},c{}\n", (n + 1) % classes)))
            .collect()
    };
    let run_over = |problem: &'static str, classes: usize| {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("processing/in")).unwrap();
        std::fs::write(folder.path().join("processing/in/a.csv"), table(classes)).unwrap();
        run(
            &Container::new(folder.path()),
            &environment(&[
                ("dataset_format", r#"{"csv": {"header": true}}"#),
                ("ground_truth_attribute", "l"),
                ("inference_attribute", "p"),
                ("problem_type", problem),
            ]),
        )
    };
    assert!(run_over("MulticlassClassification", 300).is_ok());
    let told = run_over("MulticlassClassification", 301).unwrap_err();
    assert!(told.contains("more than 300 classes, among them c0, c1, "), "{told}");
    let told = run_over("BinaryClassification", 3).unwrap_err();
    assert!(told.contains("more than 2 classes") && told.contains("MulticlassClassification"), "{told}");
}
