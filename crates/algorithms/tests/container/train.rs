//! Training through the container contract.

use std::fs;
use std::io::{BufRead as _, BufReader};

use crate::support::{Job, terminate, three_classes};
use serde_json::json;

fn softmax(more: serde_json::Value) -> serde_json::Value {
    let mut all =
        json!({"num_round": "5", "objective": "multi:softmax", "num_class": "3", "eta": "0.5", "nthread": "1"});
    let pairs = more.as_object().expect("an object").clone();
    all.as_object_mut().expect("an object").extend(pairs);
    all
}

#[test]
fn a_job_reports_each_round_and_leaves_the_model() {
    let job = Job::new(softmax(json!({"eval_metric": "merror"})))
        .channels("text/csv", &[("train", &three_classes(600)), ("validation", &three_classes(200))]);
    let trained = job.train().expect_success();
    let lines = trained.lines();
    assert_eq!(lines.len(), 5, "{lines:?}");
    assert_eq!(lines[4], "[4]#011train-merror:0.00000#011validation-merror:0.00000");
    assert!(lines[0].starts_with("[0]#011train-merror:"));
    let log = trained.log();
    for part in [
        "INFO] Running XGBoost Sagemaker in algorithm mode",
        "INFO] Determined delimiter of CSV input is ','",
        "INFO] Single node training.",
        "INFO] Train matrix has 600 rows and 2 columns",
        "INFO] Validation matrix has 200 rows",
    ] {
        assert!(log.contains(part), "{part} is not in:\n{log}");
    }
    let model = fs::read(job.path().join("model/xgboost-model")).expect("the model");
    assert_eq!(model.first(), Some(&b'{'), "UBJSON starts with an object");
    assert_eq!(fs::read_dir(job.path().join("model")).expect("the folder").count(), 1);
}

#[test]
fn libsvm_with_weights_trains() {
    let text: String = (0..100).map(|row| format!("{}:{} 0:{} 2:1\n", row % 2, 1 + row % 3, row % 2)).collect();
    let job = Job::new(json!({"num_round": "3", "objective": "binary:logistic", "eval_metric": "error,logloss"}))
        .channels("text/libsvm", &[("train", &text)]);
    let trained = job.train().expect_success();
    assert!(trained.lines()[2].starts_with("[2]#011train-error:0.00000#011train-logloss:0."), "{:?}", trained.lines());
    assert!(trained.log().contains("Train matrix has 100 rows and 3 columns"));
}

#[test]
fn query_groups_are_ranked_apart() {
    // In each group the row with feature 0 is the best; across groups the labels say nothing.
    let text: String = (0..40).map(|row| format!("{} qid:{} 0:{}\n", 1 - row % 2, row / 4, row % 2)).collect();
    let job = Job::new(json!({"num_round": "5", "objective": "rank:ndcg", "eval_metric": "ndcg"}))
        .channels("text/libsvm", &[("train", &text)]);
    let trained = job.train().expect_success();
    assert_eq!(trained.lines().last().map(String::as_str), Some("[4]#011train-ndcg:1.00000"), "{}", trained.log());
    let (status, _, body) = job.serve(&[]).invoke("text/libsvm", "1 qid:3 0:0\n0 qid:3 0:1\n");
    let scores: Vec<f64> = body.split([',', '\n']).filter_map(|score| score.parse().ok()).collect();
    assert!(status == 200 && scores.len() == 2 && scores[0] > scores[1], "{body}");
}

#[test]
fn weights_of_csv_change_the_model() {
    // The same features with both labels: the weight decides which one wins.
    let text = "1,9,5\n0,1,5\n".repeat(50);
    let hyperparameters = json!({"num_round": "20", "objective": "binary:logistic", "csv_weights": "1"});
    let job = Job::new(hyperparameters).channels("csv", &[("train", &text)]);
    job.train().expect_success();
    let (status, _, body) = job.serve(&[]).invoke("text/csv", "5");
    let score: f64 = body.trim_end().parse().expect("a number");
    assert_eq!(status, 200);
    assert!(score > 0.85, "{score}");
}

#[test]
fn the_images_own_metrics_are_reported_and_tuned() {
    let job = Job::new(softmax(json!({"eval_metric": "merror", "_tuning_objective_metric": "validation:accuracy"})))
        .channels("text/csv", &[("train", &three_classes(600)), ("validation", &three_classes(200))]);
    let trained = job.train().expect_success();
    let expected = "[4]#011train-merror:0.00000#011train-accuracy:1.00000#011validation-merror:0.00000#011validation-accuracy:1.00000";
    assert_eq!(trained.lines()[4], expected);
    assert!(trained.log().contains("Setting up HPO optimized metric to be : accuracy"));
}

#[test]
fn early_stopping_keeps_the_best_round() {
    // The validation labels contradict the training labels, so every round makes it worse.
    let text: String = (0..200).map(|row| format!("{},{}\n", row % 2, row % 2)).collect();
    let against: String = (0..200).map(|row| format!("{},{}\n", (row + 1) % 2, row % 2)).collect();
    let job = Job::new(json!({"num_round": "50", "objective": "binary:logistic", "early_stopping_rounds": "4"}))
        .channels("text/csv", &[("train", &text), ("validation", &against)]);
    assert_eq!(job.train().expect_success().lines().len(), 5, "the first round is the best, four more are waited");
    let one_round =
        Job::new(json!({"num_round": "1", "objective": "binary:logistic"})).channels("text/csv", &[("train", &text)]);
    one_round.train().expect_success();
    let row = "1";
    assert_eq!(job.serve(&[]).invoke("text/csv", row), one_round.serve(&[]).invoke("text/csv", row));
}

#[test]
fn early_stopping_watches_a_metric_that_is_printed_under_another_name() {
    // One round errs on a fifth of the rows, two on none: the third and fourth are no better.
    let text: String = (0..200).map(|row| format!("{},{},{}\n", row % 2, row % 10, row % 7)).collect();
    let job = Job::new(json!({
        "num_round": "50", "objective": "binary:logistic", "eval_metric": "error@0.5", "early_stopping_rounds": "2"
    }))
    .channels("text/csv", &[("train", &text), ("validation", &text)]);
    let lines = job.train().expect_success().lines();
    assert_eq!(lines.len(), 4, "{lines:?}");
    assert!(
        lines[0].ends_with("validation-error:0.20000") && lines[1].ends_with("validation-error:0.00000"),
        "{lines:?}"
    );
}

#[test]
fn a_checkpoint_is_continued() {
    let data = three_classes(300);
    let mut lines = Vec::new();
    let job = Job::new(softmax(json!({"num_round": "7"}))).channels("text/csv", &[("train", &data)]);
    job.config("checkpointconfig.json", &json!({"LocalPath": "/opt/ml/checkpoints"}));
    lines.extend(job.train().expect_success().lines());
    let mut kept: Vec<_> = fs::read_dir(job.path().join("checkpoints"))
        .expect("checkpoints below the base folder")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"))
        .collect();
    kept.sort();
    assert_eq!(kept, (2..7).map(|round| format!("xgboost-checkpoint.{round}")).collect::<Vec<_>>());

    fs::write(job.path().join("checkpoints/xgboost-checkpoint.7"), "half a file").expect("the file is written");
    job.config("hyperparameters.json", &softmax(json!({"num_round": "9"})));
    let resumed = job.train().expect_success();
    assert!(resumed.log().contains("Resuming from iteration 7"), "{}", resumed.log());
    lines.extend(resumed.lines());
    let whole = Job::new(softmax(json!({"num_round": "9"}))).channels("text/csv", &[("train", &data)]);
    assert_eq!(lines, whole.train().expect_success().lines());
}

#[test]
fn sigterm_keeps_the_model_of_the_last_round() {
    let hyperparameters = softmax(json!({"num_round": "1000000", "save_model_on_termination": "true"}));
    let job = Job::new(hyperparameters).channels("text/csv", &[("train", &three_classes(300))]);
    let mut child = job.start_training();
    let mut lines = BufReader::new(child.stdout.take().expect("its stdout")).lines();
    lines.next().expect("a round").expect("a text");
    terminate(&child);
    let rest = std::thread::spawn(move || lines.count());
    assert!(child.wait().expect("it ends").success());
    assert!(rest.join().expect("a count") < 999_999);
    assert_eq!(job.serve(&[]).invoke("text/csv", "2.5,1").2, "2.0\n");
}

#[test]
fn every_booster_trains_and_serves() {
    let text: String = (0..200).map(|row| format!("{},{},1\n", row % 10, row % 10)).collect();
    for booster in ["gbtree", "gblinear", "dart"] {
        let hyperparameters = json!({"num_round": "30", "objective": "reg:squarederror", "booster": booster});
        let job = Job::new(hyperparameters).channels("text/csv", &[("train", &text)]);
        job.train().expect_success();
        let (status, _, body) = job.serve(&[]).invoke("text/csv", "7,1");
        let value: f64 = body.trim_end().parse().expect(&body);
        assert_eq!(status, 200, "{booster}");
        assert!((value - 7.0).abs() < 0.5, "{booster}: {value}");
    }
}

#[test]
fn failures_say_what_is_wrong() {
    let data = three_classes(20);
    let csv = |hyperparameters| Job::new(hyperparameters).channels("text/csv", &[("train", &data)]);
    let user = "framework error: \nsagemaker_algorithm_toolkit.exceptions.UserError: ";
    let cases = [
        (csv(json!({})), format!("{user}Missing required hyperparameter: num_round")),
        (csv(softmax(json!({"eta": "2"}))), format!("{user}Hyperparameter eta: 2.0 is not in [0, 1]")),
        (
            csv(softmax(json!({"tree_method": "gpu_hist"}))),
            format!("{user}Hyperparameter tree_method: 'gpu_hist' needs a GPU"),
        ),
        (
            Job::new(softmax(json!({}))).channels("text/csv", &[("train", "label,a\n1,2\n")]),
            format!(
                "{user}Failed to load csv data with exception:\n/opt/ml/input/data/train/part-0, line 1, column 1: expected a number, found 'label'"
            ),
        ),
        (
            Job::new(softmax(json!({}))).channels("text/libsvm", &[("train", &data)]),
            format!(
                "{user}Failed to load libsvm data with exception:\n/opt/ml/input/data/train/part-0, line 1, column 1: expected label"
            ),
        ),
        (
            Job::new(softmax(json!({}))).channels("text/csv", &[("train", "\n")]),
            format!("{user}No data in train channel path /opt/ml/input/data/train\n"),
        ),
        (
            Job::new(softmax(json!({}))).channels("text/csv", &[("test", &data)]),
            format!("{user}Missing required channel: train"),
        ),
    ];
    for (job, expected) in cases {
        let failure = job.train().expect_failure();
        assert!(failure.starts_with(&expected), "{failure}");
        assert!(!job.path().join("model/xgboost-model").exists());
    }
    let labels = csv(softmax(json!({"num_class": "2"}))).train().expect_failure();
    assert!(labels.starts_with(user) && labels.contains("label must be in [0, num_class)"), "{labels}");
    assert!(!labels.contains("Stack trace"), "{labels}");

    let logistic = csv(json!({"num_round": "1", "objective": "binary:logistic"})).train().expect_failure();
    assert!(
        logistic.starts_with(user) && logistic.contains("label must be in [0,1] for logistic regression"),
        "{logistic}"
    );

    let threads = csv(softmax(json!({"nthread": "9223372036854775807"}))).train().expect_failure();
    assert!(threads.contains("nthread"), "{threads}");

    let hosts = csv(softmax(json!({})));
    hosts.config("resourceconfig.json", &json!({"hosts": ["algo-1", "algo-2"]}));
    assert!(hosts.train().expect_failure().contains("set InstanceCount to 1"));

    let gzip = csv(softmax(json!({})));
    fs::write(gzip.path().join("input/data/train/part-1.csv.gz"), [0x1f, 0x8b, 8, 0]).expect("the file is written");
    assert!(gzip.train().expect_failure().contains("/opt/ml/input/data/train/part-1.csv.gz is compressed with gzip"));
}

#[test]
fn hidden_files_are_skipped_and_folders_are_read() {
    let job = Job::new(softmax(json!({}))).channels("text/csv", &[("train", &three_classes(20))]);
    let folder = job.path().join("input/data/train");
    fs::create_dir(folder.join("more")).expect("the folder is made");
    fs::write(folder.join("more/part-1"), three_classes(10)).expect("the file is written");
    fs::write(folder.join(".DS_Store"), "no CSV").expect("the file is written");
    let log = job.train().expect_success().log();
    assert!(
        log.contains("Train matrix has 30 rows and 2 columns") && log.contains("Skipping the hidden file"),
        "{log}"
    );
}

/// Rounds that make the score of held-out rows worse from the second on.
fn overfitting(tag: &str, more: serde_json::Value) -> Job {
    let text: String = (0..200).map(|row| format!("{},{}\n", row % 2, row % 2)).collect();
    let against: String = (0..200).map(|row| format!("{},{}\n", (row + 1) % 2, row % 2)).collect();
    let mut all = json!({"num_round": "50", "objective": "binary:logistic", "early_stopping_rounds": "4"});
    all.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    Job::new(all).channels("text/csv", &[("train", &text), ("validation", &against)]).image(tag)
}

#[test]
fn every_generation_predicts_with_the_best_round_whether_it_keeps_the_others_or_not() {
    for trees in ["1", "3"] {
        let mut answers = Vec::new();
        for tag in ["1", "0.90-2", "1.0-1", "1.2-2", "1.3-1", "1.7-1"] {
            let metric = json!({"eval_metric": "logloss"});
            let more = if tag == "1" || tag == "0.90-2" {
                metric
            } else {
                json!({"eval_metric": "logloss", "num_parallel_tree": trees})
            };
            let job = overfitting(tag, more);
            assert_eq!(job.train().expect_success().lines().len(), 5, "{tag}");
            answers.push((tag, job.serve(&[]).invoke("text/csv", "1").2.trim_end().to_owned()));
        }
        let (_, expected) = answers.last().expect("an answer").clone();
        for (tag, found) in answers.iter().filter(|(tag, _)| trees == "1" || !["1", "0.90-2"].contains(tag)) {
            let difference = found.parse::<f64>().expect("a number") - expected.parse::<f64>().expect("a number");
            assert!(difference.abs() < 1e-6, "{tag} with {trees} trees: {found} is not {expected}");
        }
    }
}

#[test]
fn artifacts_have_the_format_of_the_image() {
    for (tag, start) in [
        ("1", &b"\x80\x03cxgboost.core\nBooster\n"[..]),
        ("1.2-2", b"\x80\x03cxgboost.core\nBooster\n"),
        ("1.3-1", b"binf"),
        ("1.7-1-cpu-py3", b"binf"),
        ("3.0-5", b"{L"),
    ] {
        let job = Job::new(softmax(json!({}))).channels("text/csv", &[("train", &three_classes(60))]).image(tag);
        let log = job.train().expect_success().log();
        assert!(!log.contains("deprecated"), "{tag}: {log}");
        let model = fs::read(job.path().join("model/xgboost-model")).expect("the model");
        assert!(model.starts_with(start), "{tag}: {:?}", &model[..24]);
        let rows = job.serve(&[]).invoke("text/csv", "0.5,1\n2.5,1\n").2;
        assert_eq!(rows, if matches!(tag, "1") { "0.0,2.0" } else { "0.0\n2.0\n" }, "{tag}");
    }
}

#[test]
fn libsvm_is_read_as_leniently_as_the_images_reader_reads_it() {
    let text = "0 1:0.25 2:1.5 3:\n1 1:0.75 2:0.5 3:2\n0 1:0.2 2:1.4 3:1\n1 1:0.8 2:0.4 3:3\n";
    let job = Job::new(json!({"num_round": "2"})).channels("text/libsvm", &[("train", text)]);
    assert!(job.train().expect_success().log().contains("Train matrix has 4 rows and 4 columns"));
}

#[test]
fn all_wrong_lines_of_a_file_are_counted_and_the_path_is_the_containers() {
    let text = "1,2\n0,x\n1,3\ny,4\n0,5,6\n";
    let failure = Job::new(json!({"num_round": "2"})).channels("text/csv", &[("train", text)]).train().expect_failure();
    assert!(
        failure.contains(
            "/opt/ml/input/data/train/part-0, line 2, column 2: expected a number, found 'x'; 2 more lines are wrong"
        ),
        "{failure}"
    );
}

#[test]
fn a_request_without_a_content_type_and_an_accept_header_follow_the_image() {
    for (tag, rows, accept) in [("0.90-2", "0.5,1\n2.5,3", "0.0,2.0"), ("1.7-1", "0:0.5 1:1\n0:2.5 1:3", "")] {
        let job = Job::new(softmax(json!({}))).channels("text/csv", &[("train", &three_classes(600))]).image(tag);
        job.train().expect_success();
        let server = job.serve(&[]);
        let (status, _, body) = server.request("POST", "/invocations", &[("Accept", "application/json")], rows);
        let json = r#"{"predictions": [{"score": 0.0}, {"score": 2.0}]}"#;
        assert_eq!((status, body.as_str()), (200, if accept.is_empty() { json } else { accept }), "{tag}");
    }
}
