//! Checkpoints: `xgboost-checkpoint.<round>` in the folder of the job's CheckpointConfig, so that a
//! job that is started again continues after the last one.

use std::fs;
use std::path::PathBuf;

use serde_json::{Map, Value};

use super::super::artifact;
use super::super::failure::Failure;
use super::super::ffi::{Booster, Format, Xgboost};
use crate::contract::{Container, write_atomically};
use crate::log;

const NAME: &str = "xgboost-checkpoint";
/// How many of the latest checkpoints stay, and how many are tried when one cannot be read.
const KEPT: u32 = 5;

/// Where checkpoints are, if the job has them.
pub(super) struct Checkpoints {
    container: Container,
    folder: Option<PathBuf>,
}

impl Checkpoints {
    /// Reads `checkpointconfig.json`: `{"LocalPath": "/opt/ml/checkpoints"}`.
    pub(super) fn from_config(container: &Container, config: Option<&Map<String, Value>>) -> Self {
        let path = config.and_then(|config| config.get("LocalPath")).and_then(Value::as_str);
        Self { container: container.clone(), folder: path.map(|path| container.resolve(path)) }
    }

    /// The rounds that have a checkpoint, the latest first.
    fn rounds(&self) -> Vec<u32> {
        let entries = self.folder.as_ref().and_then(|folder| fs::read_dir(folder).ok());
        let mut rounds: Vec<u32> = entries
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.strip_prefix(NAME)?.strip_prefix('.')?.parse().ok())
            .collect();
        rounds.sort_unstable_by(|a, b| b.cmp(a));
        rounds
    }

    /// Loads the latest readable checkpoint into `booster` and returns how many rounds it has.
    pub(super) fn resume(&self, booster: &mut Booster, library: &Xgboost) -> Result<u32, Failure> {
        let Some(folder) = &self.folder else {
            return Ok(0);
        };
        for round in self.rounds().into_iter().take(KEPT as usize) {
            let path = folder.join(format!("{NAME}.{round}"));
            let Ok(model) = fs::read(&path) else { continue };
            // Tried apart first: a failed load may leave the booster half changed.
            if !artifact::loads(library, &model) {
                log::warning(&format!("Wrong checkpoint model format {}", self.container.shown(&path)));
                continue;
            }
            artifact::load(booster, &model).map_err(|error| Failure::from_training(&error))?;
            log::info(&format!("Checkpoint loaded from {}", self.container.shown(&path)));
            log::info(&format!("Resuming from iteration {}", round + 1));
            return Ok(round + 1);
        }
        Ok(0)
    }

    /// Saves the model after `round` and removes old checkpoints.
    pub(super) fn save(&self, booster: &mut Booster, round: u32) -> Result<(), Failure> {
        let Some(folder) = &self.folder else {
            return Ok(());
        };
        let model = booster.save_model(Format::Ubjson).map_err(|error| Failure::from_training(&error.to_string()))?;
        let path = folder.join(format!("{NAME}.{round}"));
        write_atomically(&path, &model)
            .map_err(|error| Failure::Platform(format!("cannot write {}: {error}", self.container.shown(&path))))?;
        if let Some(old) = round.checked_sub(KEPT) {
            // It may not be there: the job may have been resumed since.
            let _ = fs::remove_file(folder.join(format!("{NAME}.{old}")));
        }
        Ok(())
    }
}
