//! Hyperparameters: names, types, ranges and their dependencies on each other, checked in the order
//! and with the words of the image, so that a job that is refused here is refused on AWS too.

mod dependencies;
pub(crate) mod table;
mod validate;
mod value;

use serde_json::{Map, Value as Json};

use super::failure::Failure;
use super::image::{Generation, Image};
use value::Values;

/// A hyperparameter that the image refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// As it was given; `None` when one is missing.
    pub name: Option<String>,
    /// The image's message.
    pub message: String,
}

/// Checks hyperparameters as an image does, all of them.
///
/// # Errors
/// Every one that is wrong; what depends on others is looked at when each by itself is right.
pub(crate) fn check(given: &Map<String, Json>, image: &Image) -> Result<(), Vec<Wrong>> {
    checked(given, image).map(|_| ())
}

fn checked(given: &Map<String, Json>, image: &Image) -> Result<Values, Vec<Wrong>> {
    let values = validate::validate(given, image.generation)?;
    dependencies::check(&values, image.generation)?;
    Ok(values)
}

/// Checked hyperparameters, taken apart into what the training loop needs and what XGBoost gets.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Hyperparameters {
    pub(crate) num_round: u32,
    pub(crate) csv_weights: bool,
    pub(crate) early_stopping_rounds: Option<u32>,
    pub(crate) save_model_on_termination: bool,
    /// The metrics of `eval_metric`, in the user's order.
    pub(crate) eval_metric: Option<Vec<String>>,
    /// The metrics of `_tuning_objective_metric`, without their channel.
    pub(crate) tuning_metric: Option<Vec<String>>,
    pub(crate) booster: String,
    /// Trees of a round.
    pub(crate) parallel_trees: u32,
    pub(crate) threads: Option<usize>,
    /// What the image's library evaluates when no metric is given, where the built-in library has another.
    default_metric: Option<&'static str>,
    /// What is handed to XGBoost, in the user's order, without the metrics.
    pub(crate) parameters: Vec<(&'static str, String)>,
    /// Accepted names that this version of XGBoost does not have any more.
    pub(crate) without_effect: Vec<&'static str>,
}

/// Read by the training loop, not by XGBoost.
const LOOP: [&str; 8] = [
    "base_score",
    "num_round",
    "csv_weights",
    "early_stopping_rounds",
    "save_model_on_termination",
    "eval_metric",
    "_tuning_objective_metric",
    "use_dask_gpu_training",
];

/// Parameters of older versions of XGBoost. The image accepts them and XGBoost ignores them.
const WITHOUT_EFFECT: [&str; 7] = [
    "dsplit",
    "predictor",
    "silent",
    "sketch_eps",
    "single_precision_histogram",
    "deterministic_histogram",
    "prob_buffer_row",
];

impl Hyperparameters {
    /// Checks `hyperparameters.json`, a map of texts.
    ///
    /// # Errors
    /// [`Failure::User`] in the image's words, or a refusal by name of what only the image can do.
    pub(crate) fn parse(given: &Map<String, Json>, image: &Image) -> Result<Self, Failure> {
        refuse_unsupported(given).map_err(Failure::User)?;
        let first = |wrong: Vec<Wrong>| wrong.into_iter().next().map(|wrong| wrong.message).unwrap_or_default();
        let values = checked(given, image).map_err(|wrong| Failure::User(first(wrong)))?;
        let count = |name: &str| values.integer(name).and_then(|value| u32::try_from(value).ok());
        let Some(num_round) = count("num_round") else {
            return Err(Failure::User(format!(
                "Hyperparameter num_round: {} rounds are more than XGBoost can count",
                values.integer("num_round").unwrap_or_default()
            )));
        };
        let handed = |name: &&'static str| !LOOP.contains(name) && !WITHOUT_EFFECT.contains(name);
        Ok(Self {
            num_round,
            csv_weights: values.integer("csv_weights") == Some(1),
            early_stopping_rounds: count("early_stopping_rounds"),
            save_model_on_termination: values.text("save_model_on_termination") == Some("true"),
            eval_metric: values.list("eval_metric").map(<[String]>::to_vec),
            // "validation:rmse" and, from the image's own tests, "validation:rmse,mae".
            tuning_metric: values.text("_tuning_objective_metric").map(|metric| {
                let name = metric.split(':').nth(1).unwrap_or_default();
                name.split(',').map(str::to_owned).collect()
            }),
            booster: values.text("booster").unwrap_or("gbtree").to_owned(),
            parallel_trees: count("num_parallel_tree").unwrap_or(1),
            threads: values.integer("nthread").and_then(|value| usize::try_from(value).ok()),
            parameters: values
                .iter()
                .filter(|(name, _)| handed(name))
                .map(|(name, value)| (*name, today(name, value.for_xgboost())))
                .chain(intercept(&values, image.generation)?)
                .collect(),
            default_metric: default_metric(values.text("objective").unwrap_or_default(), image.generation),
            without_effect: values.iter().map(|(name, _)| *name).filter(|name| WITHOUT_EFFECT.contains(name)).collect(),
        })
    }

    /// Checks labels where XGBoost's own words name something else. The words are those of the image's XGBoost.
    pub(crate) fn check_labels(&self, labels: &[f32]) -> Result<(), String> {
        let logistic = ["binary:logistic", "binary:logitraw", "reg:logistic"];
        let objective = self.parameters.iter().find(|(name, _)| *name == "objective").map(|(_, value)| value.as_str());
        if !objective.is_some_and(|objective| logistic.contains(&objective)) {
            return Ok(());
        }
        match labels.iter().position(|label| !(0.0..=1.0).contains(label)) {
            None => Ok(()),
            Some(row) => Err(format!(
                "label must be in [0,1] for logistic regression: the label of row {} is {}",
                row + 1,
                labels.get(row).copied().unwrap_or(f32::NAN)
            )),
        }
    }

    /// The metrics that are evaluated each round: the tuning objective and `eval_metric`. When both
    /// are given they are sorted, as in the image.
    pub(crate) fn metrics(&self) -> Vec<String> {
        match (&self.tuning_metric, &self.eval_metric) {
            (None, None) => self.default_metric.iter().map(|metric| (*metric).to_owned()).collect(),
            (Some(metrics), None) | (None, Some(metrics)) => metrics.clone(),
            (Some(tuning), Some(eval)) => {
                let mut all: Vec<String> = tuning.iter().chain(eval).cloned().collect();
                all.sort();
                all.dedup();
                all
            }
        }
    }
}

/// The intercept, which libraries before 2.0 take as 0.5 instead of estimating it, but for the absolute error. `binary:logitraw`
/// has it as a probability up to 1.2 and as a margin since.
fn intercept(values: &Values, generation: Generation) -> Result<Option<(&'static str, String)>, Failure> {
    let objective = values.text("objective").unwrap_or_default();
    let estimated = generation >= Generation::V3_0 || objective == "reg:absoluteerror";
    let given = match values.get("base_score") {
        Some(value::Value::Float(score)) => *score,
        _ if estimated => return Ok(None),
        _ => 0.5,
    };
    let score = if objective == "binary:logitraw" && generation < Generation::V1_3 {
        if given <= 0.0 || given >= 1.0 {
            return Err(Failure::User(format!("base_score must be in (0,1) for logistic loss, got: {given}")));
        }
        -(1.0 / given - 1.0).ln()
    } else {
        given
    };
    Ok(Some(("base_score", score.to_string())))
}

/// The metric of an objective in the libraries up to 1.2. (That of rankings, `map`, needs labels of 0 and 1 in the built-in library.)
fn default_metric(objective: &str, generation: Generation) -> Option<&'static str> {
    match objective {
        _ if generation >= Generation::V1_3 => None,
        "binary:logistic" | "binary:hinge" => Some("error"),
        "binary:logitraw" => Some("auc"),
        "multi:softmax" | "multi:softprob" => Some("merror"),
        _ => None,
    }
}

/// A value under its present name. XGBoost takes the old one too, but not in a model that it cuts to its best round.
fn today(name: &str, value: String) -> String {
    if name == "objective" && value == "reg:linear" { "reg:squarederror".to_owned() } else { value }
}

/// Refuses what the image can do and this program cannot, before anything else is checked.
fn refuse_unsupported(given: &Map<String, Json>) -> Result<(), String> {
    let aws = "or train on AWS";
    let text = |name: &str| given.get(name).and_then(Json::as_str).unwrap_or_default();
    if let Some(name) =
        given.keys().find(|name| matches!(name.as_str(), "sagemaker_program" | "sagemaker_submit_directory"))
    {
        return Err(format!(
            "Hyperparameter {name}: script mode does not run in the built-in algorithm's program; remove it {aws}"
        ));
    }
    if let Some(name) = given.keys().find(|name| matches!(name.as_str(), "_kfold" | "_num_cv_round")) {
        return Err(format!(
            "Hyperparameter {name}: k-fold cross validation is not supported; remove it and give a validation channel, \
             {aws}"
        ));
    }
    for (name, value, instead) in [
        ("tree_method", "gpu_hist", "use tree_method 'hist'"),
        ("predictor", "gpu_predictor", "remove it"),
        ("use_dask_gpu_training", "true", "remove it"),
    ] {
        if text(name) == value {
            return Err(format!(
                "Hyperparameter {name}: '{value}' needs a GPU, which is not supported; {instead}, {aws}"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
