//! The model that is served.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use super::super::data::Matrix;
use super::super::ffi::{Booster, DMatrix, Prediction, Xgboost, XgboostError};
use super::super::{MODEL_FILE, artifact};
use crate::contract::Container;

/// A loaded model, ready for many threads.
pub(super) struct Model {
    library: Xgboost,
    booster: Shared,
    pub(super) features: usize,
    pub(super) objective: String,
    pub(super) classes: usize,
    /// How many rounds predictions use; 0 means all.
    rounds: u32,
}

/// How predictions reach the booster.
enum Shared {
    /// Trees predict from many threads at once.
    Free(Booster),
    /// Linear models know only the locked way through a `DMatrix`.
    Locked(Mutex<Booster>),
}

impl Model {
    /// Loads `xgboost-model`, or the only file in the folder.
    pub(super) fn load(library: &Xgboost, container: &Container, folder: &Path) -> Result<Self, String> {
        let path = find(container, folder)?;
        let refused = |reason: &str| {
            let reason = reason.split("\nStack trace:").next().unwrap_or_default().trim();
            format!("Unable to load model: {}: {reason}", container.shown(&path))
        };
        let failed = |error: XgboostError| refused(&error.to_string());
        let bytes = fs::read(&path).map_err(|error| refused(&error.to_string()))?;
        let mut booster = Booster::new(library, &[]).map_err(failed)?;
        let limit = artifact::load(&mut booster, &bytes).map_err(|reason| refused(&reason))?;
        // One thread per prediction, as in the image: requests are the parallelism.
        booster.set_param("nthread", "1").map_err(failed)?;
        let mut number = |name| -> Result<Option<u32>, String> {
            Ok(booster.attribute(name).map_err(failed)?.and_then(|text| text.parse().ok()))
        };
        let (limit, best) = (limit.or(number("best_ntree_limit")?), number("best_iteration")?);
        let boosted = booster.rounds().map_err(failed)?;
        let features = booster.features().map_err(failed)?;
        let config: Value = serde_json::from_str(&booster.configure().map_err(failed)?).unwrap_or_default();
        let text = |pointer: &str| config.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        // The binary format does not say how many trees a round has: the limit counts trees, as the library then does.
        let parallel = ["", "/gbtree"]
            .map(|dart| text(&format!("/learner/gradient_booster{dart}/gbtree_model_param/num_parallel_tree")));
        let parallel = parallel.iter().find_map(|text| text.parse::<u32>().ok()).unwrap_or(1).max(1);
        let best = limit.map(|trees| trees / parallel).or(best.map(|round| round.saturating_add(1))).unwrap_or(0);
        let rounds = if best <= boosted { best } else { 0 };
        let linear = text("/learner/gradient_booster/name") == "gblinear";
        Ok(Self {
            library: library.clone(),
            features,
            objective: text("/learner/objective/name"),
            classes: text("/learner/learner_model_param/num_class").parse().unwrap_or(0),
            rounds: if linear { 0 } else { rounds },
            booster: if linear { Shared::Locked(Mutex::new(booster)) } else { Shared::Free(booster) },
        })
    }

    /// Predicts the rows of a matrix.
    pub(super) fn predict(&self, matrix: &Matrix) -> Result<Prediction, XgboostError> {
        match &self.booster {
            Shared::Free(booster) => booster.predict_inplace(matrix, self.rounds),
            Shared::Locked(booster) => {
                let matrix = DMatrix::new(&self.library, matrix, 1)?;
                booster.lock().unwrap_or_else(PoisonError::into_inner).predict(&matrix, false)
            }
        }
    }
}

impl fmt::Display for Model {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "objective {}, {} features, XGBoost {}", self.objective, self.features, self.library.version())
    }
}

fn find(container: &Container, folder: &Path) -> Result<PathBuf, String> {
    let shown = container.shown(folder);
    let named = folder.join(MODEL_FILE);
    if named.is_file() {
        return Ok(named);
    }
    let entries = fs::read_dir(folder)
        .map_err(|error| format!("Unable to load model: cannot read the folder {shown}: {error}"))?;
    let mut files: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .filter(|entry| !entry.file_name().to_string_lossy().starts_with('.'))
        .map(|entry| entry.path())
        .filter(|path| path.is_file())
        .collect();
    match (files.pop(), files.len()) {
        (Some(file), 0) => Ok(file),
        (None, _) => Err(format!(
            "Unable to load model: {shown} has no file; the model artifact must hold one file, {MODEL_FILE}"
        )),
        (Some(_), others) => Err(format!(
            "Unable to load model: {shown} has {} files and none is called {MODEL_FILE}; ensembles of models are not \
             supported, keep one",
            others + 1
        )),
    }
}
