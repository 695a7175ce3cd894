use serde_json::{Map, Value as Json};

use super::table::{TABLE, is_maximized};
use super::*;

fn parse(pairs: &[(&str, &str)]) -> Result<Hyperparameters, String> {
    let given: Map<String, Json> = pairs.iter().copied().map(pair).collect();
    for_tag("1.7-1", &given)
}

fn pair((name, value): (&str, &str)) -> (String, Json) {
    (name.to_owned(), value.into())
}

fn for_tag(tag: &str, given: &Map<String, Json>) -> Result<Hyperparameters, String> {
    Hyperparameters::parse(given, Image::of_tag(tag).expect("a tag")).map_err(|failure| match failure {
        Failure::User(text) => text,
        other => panic!("a wrong hyperparameter is the user's: {other}"),
    })
}

/// With a valid `num_round`.
fn with(pairs: &[(&str, &str)]) -> Result<Hyperparameters, String> {
    let mut all = vec![("num_round", "5")];
    all.extend_from_slice(pairs);
    parse(&all)
}

#[test]
fn the_mnist_tutorial_is_taken_apart() {
    let parsed = parse(&[
        ("max_depth", "5"),
        ("eta", "0.2"),
        ("gamma", "4"),
        ("objective", "multi:softmax"),
        ("num_class", "10"),
        ("num_round", "10"),
        ("eval_metric", "merror,mlogloss"),
        ("early_stopping_rounds", "3"),
        ("save_model_on_termination", "true"),
        ("csv_weights", "1"),
        ("nthread", "2"),
        ("predictor", "cpu_predictor"),
    ])
    .expect("it is valid");
    assert_eq!(parsed.num_round, 10);
    assert_eq!(parsed.early_stopping_rounds, Some(3));
    assert!(parsed.save_model_on_termination && parsed.csv_weights);
    assert_eq!(parsed.metrics(), ["merror", "mlogloss"]);
    assert_eq!(parsed.threads, Some(2));
    assert_eq!(parsed.without_effect, ["predictor"]);
    let handed: Vec<(&str, &str)> = parsed.parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(
        handed,
        [
            ("max_depth", "5"),
            ("eta", "0.2"),
            ("gamma", "4"),
            ("objective", "multi:softmax"),
            ("num_class", "10"),
            ("nthread", "2"),
            ("base_score", "0.5"),
        ]
    );
}

#[test]
fn what_the_image_refuses_is_refused_in_its_words() {
    for (pairs, message) in [
        (&[("eta", "1.5")][..], "Hyperparameter eta: 1.5 is not in [0, 1]"),
        (&[("learning_rate", "2")], "Hyperparameter eta: 2.0 is not in [0, 1]"),
        (&[("num_round", "0")], "Hyperparameter num_round: 0 is not in [1, +inf)"),
        (&[("subsample", "0")], "Hyperparameter subsample: 0.0 is not in (0, 1]"),
        (&[("tweedie_variance_power", "2")], "Hyperparameter tweedie_variance_power: 2.0 is not in (1, 2)"),
        (&[("seed", "2147483647")], "Hyperparameter seed: 2147483647 is not in (-2147483648, 2147483647)"),
        (&[("booster", "tree")], "Hyperparameter booster: tree is not in ['gbtree', 'gblinear', 'dart']"),
        (&[("max_dept", "5")], "Extraneous hyperparameter found: max_dept"),
        (
            &[("max_depth", "five")],
            "Hyperparameter max_depth: could not parse value (caused by ValueError): expected a whole number, found 'five'",
        ),
        (
            &[("max_depth", "5.0")],
            "Hyperparameter max_depth: could not parse value (caused by ValueError): expected a whole number, found '5.0'",
        ),
        (
            &[("eta", "nan")],
            "Hyperparameter eta: could not parse value (caused by ValueError): expected a number, found 'nan'",
        ),
        (&[("objective", "multi:softmax")], "Require input for parameter 'num_class' for multi-classification"),
        (
            &[("eval_metric", "auc"), ("objective", "reg:squarederror")],
            "Metric 'auc' can only be applied for classification and ranking problems.",
        ),
        (&[("eval_metric", "error@x")], "Threshold value 't' in 'error@t' expects float input."),
        (
            &[("eval_metric", "rmse@1")],
            "Metric 'rmse@1' is not supported. Parameter 'eval_metric' with customized threshold should be one of these \
             options: 'error', 'ndcg', 'map'.",
        ),
        (
            &[("updater", "shotgun,coord_descent"), ("booster", "gblinear")],
            "Linear updater should be one of these options: 'shotgun', 'coord_descent'.",
        ),
        (
            &[("updater", "grow_colmaker"), ("process_type", "update")],
            "process_type 'update' can only be used with updater 'refresh' and 'prune'",
        ),
        (
            &[("monotone_constraints", "(1,0)")],
            "monotone_constraints can be used only when the tree_method parameter is set to either 'exact' or 'hist'.",
        ),
        (
            &[("monotone_constraints", "(2,)"), ("tree_method", "hist")],
            "Hyperparameter monotone_constraints: value (2,) not in range [-1, 0, 1]",
        ),
        (
            &[("interaction_constraints", "[[0, 1]]"), ("tree_method", "hist")],
            "Hyperparameter interaction_constraints: value [[0, 1]] not in range [1, +inf)",
        ),
    ] {
        assert_eq!(with(pairs).expect_err(message), message);
    }
    assert_eq!(parse(&[("eta", "0.1")]).expect_err("num_round"), "Missing required hyperparameter: num_round");
    let unknown = with(&[("eval_metric", "rmse,nonsense")]).expect_err("nonsense");
    assert!(unknown.starts_with("Hyperparameter eval_metric: value ['rmse', 'nonsense'] not in range ['accuracy', "));
    let tuning = with(&[("_tuning_objective_metric", "train:rmse")]).expect_err("train");
    assert!(
        tuning.starts_with("Hyperparameter _tuning_objective_metric: train:rmse is not in ['validation:accuracy', ")
    );
}

#[test]
fn what_only_the_image_can_do_is_refused_by_name() {
    for (name, value) in [
        ("tree_method", "gpu_hist"),
        ("predictor", "gpu_predictor"),
        ("use_dask_gpu_training", "true"),
        ("_kfold", "5"),
        ("sagemaker_program", "train.py"),
    ] {
        let message = with(&[(name, value)]).expect_err(name);
        assert!(message.contains(name) && message.contains("or train on AWS"), "{message}");
    }
}

#[test]
fn every_row_takes_a_valid_value_at_each_closed_bound() {
    for row in TABLE.iter().filter(|row| row.is_in(Generation::V1_7)) {
        let values: Vec<String> = match row.kind {
            table::Kind::Integer(range) | table::Kind::Float(range) => [range.low, range.high]
                .into_iter()
                .flatten()
                .map(|(bound, kind)| if kind == value::Bound::Closed { bound } else { continue_inside(range, bound) })
                .map(|bound| bound.to_string())
                .collect(),
            table::Kind::Choice(choices) => choices.iter().map(|choice| (*choice).to_owned()).collect(),
            _ => continue,
        };
        for value in values {
            let inside = match row.kind {
                table::Kind::Integer(range) | table::Kind::Float(range) => {
                    range.contains(value.parse().expect("a number"))
                }
                _ => true,
            };
            let found = with(&[(row.name, value.as_str()), ("num_class", "3")]);
            let refused_by_name = found.as_ref().is_err_and(|text| text.contains("or train on AWS"));
            assert!(!inside || found.is_ok() || refused_by_name, "{} = {value}: {found:?}", row.name);
        }
    }
}

/// A whole number inside of an open bound, when there is one.
fn continue_inside(range: value::Interval, bound: i64) -> i64 {
    [bound + 1, bound - 1].into_iter().find(|value| range.contains(*value as f64)).unwrap_or(bound)
}

#[test]
fn the_tuning_objective_joins_the_metrics_in_order() {
    let parsed = with(&[("_tuning_objective_metric", "validation:merror")]).expect("it is valid");
    assert_eq!(parsed.metrics(), ["merror"]);
    let parsed =
        with(&[("_tuning_objective_metric", "validation:rmse"), ("eval_metric", "rmsle,mae")]).expect("it is valid");
    assert_eq!(parsed.metrics(), ["mae", "rmse", "rmsle"]);
    assert_eq!(with(&[]).expect("it is valid").metrics(), Vec::<String>::new());
}

#[test]
fn constraints_reach_xgboost_in_its_notation() {
    let parsed = with(&[
        ("tree_method", "hist"),
        ("monotone_constraints", "(1, -1)"),
        ("interaction_constraints", "[[1,2],[3]]"),
    ])
    .expect("it is valid");
    assert!(parsed.parameters.contains(&("monotone_constraints", "(1,-1)".to_owned())));
    assert!(parsed.parameters.contains(&("interaction_constraints", "[[1, 2], [3]]".to_owned())));
}

#[test]
fn metrics_know_their_direction() {
    for (metric, larger_is_better) in [("auc", true), ("ndcg@5", true), ("rmse", false), ("error@0.7", false)] {
        assert_eq!(is_maximized(metric), larger_is_better, "{metric}");
    }
}

#[test]
fn each_generation_has_its_own_names_and_words() {
    let takes = |tag, name: &str, value: &str| {
        let given: Map<String, Json> =
            [("num_round", "1"), (name, value), ("num_class", "3")].into_iter().map(pair).collect();
        for_tag(tag, &given)
    };
    for (name, value, tags, not) in [
        ("silent", "0", &["1", "0.90-1", "0.90-2", "1.0-1"][..], &["1.2-1", "1.7-1", "3.0-5"][..]),
        ("objective", "reg:absoluteerror", &["1.7-1", "3.0-5"], &["1", "1.0-1", "1.5-1"]),
        ("objective", "reg:linear", &["1", "0.90-2", "3.0-5"], &[]),
        ("objective", "reg:squarederror", &["0.90-1", "1.3-1"], &["1"]),
        ("objective", "survival:aft", &["1.2-1", "1.5-1"], &["1.0-1"]),
        ("eval_metric", "mape", &["1.3-1", "3.0-5"], &["1", "1.2-2"]),
        ("eval_metric", "rmse", &["1", "1.7-1"], &[]),
        ("learning_rate", "0.1", &["1.0-1", "1.7-1"], &["1", "0.90-1"]),
        ("verbosity", "1", &["0.90-2", "3.0-5"], &["1"]),
        ("tree_method", "hist", &["1", "1.7-1"], &[]),
    ] {
        for tag in tags {
            assert!(takes(tag, name, value).is_ok(), "{tag} {name}: {:?}", takes(tag, name, value));
        }
        for tag in not {
            assert!(takes(tag, name, value).is_err(), "{tag} {name}={value}");
        }
    }
}

#[test]
fn the_intercept_and_the_default_metric_are_those_of_the_images_library() {
    let of = |tag, objective: &str, more: &[(&str, &str)]| {
        let mut pairs = vec![("num_round", "1"), ("objective", objective), ("num_class", "3")];
        pairs.extend_from_slice(more);
        let given = pairs.into_iter().map(pair).collect();
        let parsed = for_tag(tag, &given).expect(tag);
        let score = parsed.parameters.iter().find(|(name, _)| *name == "base_score").map(|(_, score)| score.clone());
        (score, parsed.metrics().join(","))
    };
    let text = |score: &str| Some(score.to_owned());
    assert_eq!(of("1.7-1", "binary:logistic", &[]), (text("0.5"), String::new()));
    assert_eq!(of("3.0-5", "binary:logistic", &[]), (None, String::new()));
    assert_eq!(of("1.7-1", "reg:absoluteerror", &[]), (None, String::new()));
    assert_eq!(of("1.7-1", "binary:logitraw", &[("base_score", "0.3")]), (text("0.3"), String::new()));
    assert_eq!(of("1.2-1", "binary:logitraw", &[]), (text("-0"), "auc".to_owned()));
    assert_eq!(of("1.2-2", "multi:softmax", &[]), (text("0.5"), "merror".to_owned()));
    assert_eq!(of("1.5-1", "rank:ndcg", &[]), (text("0.5"), String::new()));
}

#[test]
fn everything_that_is_wrong_is_told_with_its_name() {
    let given: Map<String, Json> =
        [("eta", "2"), ("max_dept", "5"), ("objective", "x")].into_iter().map(pair).collect();
    let wrong = check(&given, Image::newest()).expect_err("four faults");
    let names: Vec<Option<&str>> = wrong.iter().map(|wrong| wrong.name.as_deref()).collect();
    assert_eq!(names, [None, Some("max_dept"), Some("eta"), Some("objective")]);
}
