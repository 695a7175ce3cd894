//! What one hyperparameter demands of another.

use super::super::image::Generation;
use super::Wrong;
use super::value::Values;

const TREE_UPDATERS: [&str; 9] = [
    "grow_colmaker",
    "distcol",
    "grow_histmaker",
    "grow_local_histmaker",
    "grow_skmaker",
    "sync",
    "refresh",
    "prune",
    "grow_quantile_histmaker",
];
const TREE_BUILDERS: [&str; 5] =
    ["grow_colmaker", "distcol", "grow_histmaker", "grow_local_histmaker", "grow_quantile_histmaker"];

/// Objectives that the image of version 0.72 lets have the metric `auc`.
const RANKED: [&str; 6] =
    ["binary:logistic", "binary:logitraw", "multi:softmax", "multi:softprob", "reg:logistic", "rank:pairwise"];

/// Checks the dependencies. The messages are the image's, which stops at the first.
pub(super) fn check(values: &Values, generation: Generation) -> Result<(), Vec<Wrong>> {
    let of = |name: &'static str| move |message| Wrong { name: Some(name.to_owned()), message };
    let checks = [
        check_updater(values).map_err(of("updater")),
        check_objective(values).map_err(of("objective")),
        check_eval_metric(values, generation).map_err(of("eval_metric")),
        check_monotone(values).map_err(of("monotone_constraints")),
        check_interaction(values).map_err(of("interaction_constraints")),
    ];
    let wrong: Vec<Wrong> = checks.into_iter().filter_map(Result::err).collect();
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

fn check_updater(values: &Values) -> Result<(), String> {
    let Some(updaters) = values.list("updater") else {
        return Ok(());
    };
    let all_in = |known: &[&str]| updaters.iter().all(|updater| known.contains(&updater.as_str()));
    if values.text("booster") == Some("gblinear") {
        return if updaters.len() == 1 && all_in(&["shotgun", "coord_descent"]) {
            Ok(())
        } else {
            Err("Linear updater should be one of these options: 'shotgun', 'coord_descent'.".to_owned())
        };
    }
    if values.text("process_type") == Some("update") {
        return if all_in(&["refresh", "prune"]) {
            Ok(())
        } else {
            Err("process_type 'update' can only be used with updater 'refresh' and 'prune'".to_owned())
        };
    }
    if !all_in(&TREE_UPDATERS) {
        return Err(
            "Tree updater should be selected from these options: 'grow_colmaker', 'distcol', 'grow_histmaker', \
                    'grow_local_histmaker', 'grow_skmaker', 'grow_quantile_histmaker', 'sync', 'refresh', 'prune', \
                    'shortgun', 'coord_descent'."
                .to_owned(),
        );
    }
    if updaters.iter().filter(|updater| TREE_BUILDERS.contains(&updater.as_str())).count() > 1 {
        return Err("Only one tree grow plugin can be selected. Choose one from thefollowing: 'grow_colmaker', \
                    'distcol', 'grow_histmaker', 'grow_local_histmaker', 'grow_skmaker'"
            .to_owned());
    }
    Ok(())
}

fn check_objective(values: &Values) -> Result<(), String> {
    let multi = matches!(values.text("objective"), Some("multi:softmax" | "multi:softprob"));
    if multi && values.integer("num_class").is_none() {
        return Err("Require input for parameter 'num_class' for multi-classification".to_owned());
    }
    Ok(())
}

fn check_eval_metric(values: &Values, generation: Generation) -> Result<(), String> {
    let Some(metrics) = values.list("eval_metric") else {
        return Ok(());
    };
    let objective = values.text("objective").unwrap_or("reg:squarederror");
    let has = |name: &str| metrics.iter().any(|metric| metric == name);
    let ranked = match generation {
        Generation::V0_72 => RANKED.contains(&objective),
        _ => objective.starts_with("binary:") || objective.starts_with("rank:"),
    };
    if has("auc") && !ranked {
        return Err("Metric 'auc' can only be applied for classification and ranking problems.".to_owned());
    }
    if has("aft-nloglik") && objective != "survival:aft" {
        return Err("Metric 'aft-nloglik' can only be applied for 'survival:aft' objective.".to_owned());
    }
    Ok(())
}

fn check_monotone(values: &Values) -> Result<(), String> {
    let method = values.text("tree_method");
    if values.get("monotone_constraints").is_some() && !matches!(method, Some("exact" | "hist")) {
        return Err(
            "monotone_constraints can be used only when the tree_method parameter is set to either 'exact' or \
                    'hist'."
                .to_owned(),
        );
    }
    Ok(())
}

fn check_interaction(values: &Values) -> Result<(), String> {
    let method = values.text("tree_method");
    if values.get("interaction_constraints").is_some() && !matches!(method, Some("exact" | "hist" | "approx")) {
        return Err(
            "interaction_constraints can be used only when the tree_method parameter is set to either 'exact', \
                    'hist' or 'approx'."
                .to_owned(),
        );
    }
    Ok(())
}
