//! Commands of the user's that stand for Lambda functions and SQS queues: one call, JSON in and JSON out.

mod map;
mod run;

use std::collections::BTreeMap;
use std::path::PathBuf;

use sagewright_cloud_core::runner::{Called, Labels, LineSink};

use map::CommandMap;
pub use map::CommandMapError;

/// The commands of a file, which is read again for each call.
#[derive(Debug, Clone)]
pub struct Commands {
    file: PathBuf,
    /// Marks the processes of this cloud, also for the next one on the same state.
    cloud: String,
    /// Folder for work in progress.
    work: PathBuf,
}

/// One call.
#[derive(Debug, Clone)]
pub struct Task {
    /// What is called.
    pub called: Called,
    /// ARN of the function, or URL of the queue.
    pub target: String,
    /// What the command reads from its standard input.
    pub input: String,
    /// Variables besides those of its entry.
    pub variables: BTreeMap<String, String>,
    /// What it is run for.
    pub labels: Labels,
}

impl Commands {
    /// The commands of a file. It need not be there.
    #[must_use]
    pub fn new(file: PathBuf, cloud: String, work: PathBuf) -> Self {
        Self { file, cloud, work }
    }

    /// Removes what commands of a killed process left in the folder for work.
    pub fn clear(&self) {
        let _ = std::fs::remove_dir_all(self.work.join(run::FOLDER));
    }

    /// Reads the file.
    ///
    /// # Errors
    /// It cannot be read, or says something wrong in a line.
    pub fn read(&self) -> Result<CommandMap, CommandMapError> {
        CommandMap::load(&self.file)
    }

    /// Whether there is a command.
    ///
    /// # Errors
    /// There is none: the entry to add.
    pub fn check(&self, called: Called, target: &str) -> Result<(), String> {
        self.read().map_err(|error| error.to_string())?.find(called, target).map(|_| ())
    }

    /// Runs a command; gives what it wrote to its standard output. `lines` takes what it writes to its standard error.
    ///
    /// # Errors
    /// There is no such command, or it failed: why.
    pub async fn run(&self, task: &Task, lines: LineSink) -> Result<Vec<u8>, String> {
        let map = self.read().map_err(|error| error.to_string())?;
        let entry = map.find(task.called, &task.target)?;
        run::run(entry, task, &self.cloud, &self.work, lines).await
    }
}
