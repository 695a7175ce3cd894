//! How often a job was run, and how often the cloud died over it: hidden members of its record.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use sagewright_cloud_sagemaker_base::resource::{HIDDEN, hidden};

/// A job that was at work when the cloud died so often in a row is not run again: it may be what kills the cloud.
const MOST_DEATHS: u32 = 2;

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Attempts {
    /// All runs so far.
    runs: u64,
    /// Runs in a row that neither the job nor the cloud ended in order.
    open: u32,
}

fn read(stored: &Map<String, Value>) -> Attempts {
    stored.get(HIDDEN).and_then(|hidden| Attempts::deserialize(&hidden["attempts"]).ok()).unwrap_or_default()
}

fn write(stored: &mut Map<String, Value>, attempts: &Attempts) {
    hidden(stored).insert("attempts".to_owned(), json!(attempts));
}

/// A run begins. Answers its number, from 1.
pub(super) fn begin(stored: &mut Map<String, Value>) -> u64 {
    let mut attempts = read(stored);
    attempts.runs += 1;
    attempts.open += 1;
    write(stored, &attempts);
    attempts.runs
}

/// The cloud ends in order: that a run is open says nothing against the job.
pub(super) fn forgive(stored: &mut Map<String, Value>) {
    write(stored, &Attempts { open: 0, ..read(stored) });
}

/// Why a job is not to be run again, for its `FailureReason`.
pub(super) fn refusal(stored: &Map<String, Value>) -> Option<String> {
    let deaths = read(stored).open;
    (deaths >= MOST_DEATHS).then(|| {
        format!(
            "InternalServerError: the embedded cloud ended abnormally {deaths} times in a row while this job ran, so \
             that the job is not run again. If the job did not cause that, create it anew under another name; \
             otherwise look at its log, its metric definitions and its data first."
        )
    })
}
