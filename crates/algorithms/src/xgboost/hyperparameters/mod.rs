//! Hyperparameters: names, types, ranges and their dependencies on each other, checked in the order
//! and with the words of the image, so that a job that is refused here is refused on AWS too.

mod dependencies;
pub(crate) mod table;
mod validate;
mod value;

use serde_json::{Map, Value as Json};

use super::failure::Failure;

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
    pub(crate) threads: Option<usize>,
    /// What is handed to XGBoost, in the user's order, without the metrics.
    pub(crate) parameters: Vec<(&'static str, String)>,
    /// Accepted names that this version of XGBoost does not have any more.
    pub(crate) without_effect: Vec<&'static str>,
}

/// Read by the training loop, not by XGBoost.
const LOOP: [&str; 7] = [
    "num_round",
    "csv_weights",
    "early_stopping_rounds",
    "save_model_on_termination",
    "eval_metric",
    "_tuning_objective_metric",
    "use_dask_gpu_training",
];

/// Parameters of older versions of XGBoost. The image accepts them and XGBoost ignores them.
const WITHOUT_EFFECT: [&str; 6] =
    ["dsplit", "predictor", "sketch_eps", "single_precision_histogram", "deterministic_histogram", "prob_buffer_row"];

impl Hyperparameters {
    /// Checks `hyperparameters.json`, a map of texts.
    ///
    /// # Errors
    /// [`Failure::User`] in the image's words, or a refusal by name of what only the image can do.
    pub(crate) fn parse(given: &Map<String, Json>) -> Result<Self, Failure> {
        refuse_unsupported(given).map_err(Failure::User)?;
        let values = validate::validate(given).map_err(Failure::User)?;
        dependencies::check(&values).map_err(Failure::User)?;
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
            threads: values.integer("nthread").and_then(|value| usize::try_from(value).ok()),
            parameters: values
                .iter()
                .filter(|(name, _)| handed(name))
                .map(|(name, value)| (*name, today(name, value.for_xgboost())))
                .collect(),
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
            (None, None) => Vec::new(),
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
