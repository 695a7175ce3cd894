//! The boosting rounds: update, evaluate, report, save; and the final model.

use super::super::failure::Failure;
use super::super::ffi::{Booster, Xgboost, XgboostError};
use super::super::hyperparameters::{Hyperparameters, table};
use super::super::image::Image;
use super::super::{MODEL_FILE, artifact, metrics};
use super::ChannelData;
use super::checkpoint::Checkpoints;
use super::early_stopping::EarlyStopping;
use super::scores::Scores;
use super::termination::Termination;
use crate::contract::{Container, write_atomically};
use crate::log;

/// Boosts and writes the model.
pub(super) fn boost(
    container: &Container,
    library: &Xgboost,
    image: &Image,
    hyperparameters: &Hyperparameters,
    checkpoints: &Checkpoints,
    train: &ChannelData,
    validation: Option<&ChannelData>,
) -> Result<(), Failure> {
    let failed = |error: XgboostError| Failure::from_training(&error.to_string());
    let channels: Vec<(&ChannelData, &str)> =
        [(train, "train")].into_iter().chain(validation.map(|data| (data, "validation"))).collect();
    let matrices: Vec<_> = channels.iter().map(|(data, _)| &data.matrix).collect();
    let mut booster = Booster::new(library, &matrices).map_err(failed)?;
    let metrics = hyperparameters.metrics();
    if hyperparameters.tuning_metric.is_some() {
        let names = hyperparameters.tuning_metric.as_deref().unwrap_or_default().join(",");
        log::info(&format!("Setting up HPO optimized metric to be : {names}"));
    }
    let start = checkpoints.resume(&mut booster, library)?;
    configure(&mut booster, hyperparameters, &metrics).map_err(failed)?;

    let model = ModelFile { container, image, hyperparameters, features: train.columns };
    let termination = hyperparameters.save_model_on_termination.then(Termination::listen);
    let mut stopping: Option<(EarlyStopping, String)> = None;
    for round in start..hyperparameters.num_round {
        booster.update(round, &train.matrix).map_err(failed)?;
        let scores = evaluate(&mut booster, round, &channels, &metrics)?;
        log::line(&scores.line(round));
        checkpoints.save(&mut booster, round)?;
        if hyperparameters.save_model_on_termination {
            // Also when the job is killed, the last round's model is there.
            model.write(&mut booster, (round, None))?;
        }
        if let Some(patience) = hyperparameters.early_stopping_rounds.filter(|_| validation.is_some()) {
            let (stopping, metric) = stopping.get_or_insert_with(|| early_stopping(patience, hyperparameters, &scores));
            let score = scores.of_metric("validation", metric).ok_or_else(|| {
                Failure::Algorithm(format!(
                    "XGBoost reports no validation score of '{metric}', which early stopping needs"
                ))
            })?;
            if stopping.observe(round, score) {
                log::info(&format!("Stopping early: validation-{metric} has not improved for {patience} rounds"));
                break;
            }
        }
        if termination.as_ref().is_some_and(Termination::asked) {
            return Ok(());
        }
    }
    let best = stopping.as_ref().and_then(|(stopping, _)| stopping.best());
    if let Some((round, score)) = best {
        if image.keeps_best {
            keep_best(&mut booster, &hyperparameters.booster, round).map_err(failed)?;
        }
        if !image.keeps_best || hyperparameters.booster != "gblinear" {
            let trees = round.saturating_add(1).saturating_mul(hyperparameters.parallel_trees);
            booster.set_attribute("best_iteration", &round.to_string()).map_err(failed)?;
            booster.set_attribute("best_ntree_limit", &trees.to_string()).map_err(failed)?;
            booster.set_attribute("best_score", &score.to_string()).map_err(failed)?;
        }
    }
    let last = hyperparameters.num_round.saturating_sub(1);
    model.write(&mut booster, best.map_or((last, None), |(round, score)| (round, Some(score))))
}

/// Hands the parameters to XGBoost. After a checkpoint is loaded, because loading resets them.
fn configure(booster: &mut Booster, hyperparameters: &Hyperparameters, metrics: &[String]) -> Result<(), XgboostError> {
    for (name, value) in &hyperparameters.parameters {
        booster.set_param(name, value)?;
    }
    for metric in metrics.iter().filter(|metric| !metrics::is_own(metric)) {
        booster.set_param("eval_metric", metric)?;
    }
    Ok(())
}

/// Evaluates XGBoost's metrics and the image's own.
fn evaluate(
    booster: &mut Booster,
    round: u32,
    channels: &[(&ChannelData, &str)],
    metrics: &[String],
) -> Result<Scores, Failure> {
    let failed = |error: XgboostError| Failure::from_training(&error.to_string());
    let matrices: Vec<_> = channels.iter().map(|(data, name)| (&data.matrix, *name)).collect();
    let mut scores = Scores::parse(&booster.evaluate(round, &matrices).map_err(failed)?);
    let own: Vec<&String> = metrics.iter().filter(|metric| metrics::is_own(metric)).collect();
    if !own.is_empty() {
        for (data, name) in channels {
            let margins = booster.predict(&data.matrix, true).map_err(failed)?;
            for metric in &own {
                scores.set(name, metric, metrics::compute(metric, &data.labels, &margins)?);
            }
        }
    }
    Ok(scores)
}

/// Watches the tuning objective, or the last of `eval_metric`, or what the objective evaluates.
fn early_stopping(patience: u32, hyperparameters: &Hyperparameters, scores: &Scores) -> (EarlyStopping, String) {
    let last = |metrics: &Option<Vec<String>>| metrics.as_ref().and_then(|metrics| metrics.last().cloned());
    let metric = last(&hyperparameters.tuning_metric)
        .or_else(|| last(&hyperparameters.eval_metric))
        .or_else(|| scores.last_metric("validation").map(str::to_owned))
        .unwrap_or_default();
    (EarlyStopping::new(patience, table::is_maximized(&metric)), metric)
}

/// Cuts the model down to its best round.
fn keep_best(booster: &mut Booster, kind: &str, round: u32) -> Result<(), XgboostError> {
    if kind == "gblinear" {
        log::warning("The model of the last round is kept: a gblinear model cannot be cut down to its best round");
        return Ok(());
    }
    *booster = booster.first_rounds(round + 1)?;
    Ok(())
}

/// `model/xgboost-model`.
struct ModelFile<'a> {
    container: &'a Container,
    image: &'a Image,
    hyperparameters: &'a Hyperparameters,
    features: usize,
}

impl ModelFile<'_> {
    /// Writes the model with its best round and that one's score.
    fn write(&self, booster: &mut Booster, best: (u32, Option<f64>)) -> Result<(), Failure> {
        let Hyperparameters { booster: kind, parallel_trees, .. } = self.hyperparameters;
        let facts = artifact::Facts { booster: kind, features: self.features, best, parallel: *parallel_trees };
        let model =
            artifact::write(booster, self.image, &facts).map_err(|error| Failure::from_training(&error.to_string()))?;
        let path = self.container.model().join(MODEL_FILE);
        write_atomically(&path, &model)
            .map_err(|error| Failure::Platform(format!("cannot write {}: {error}", self.container.shown(&path))))
    }
}
