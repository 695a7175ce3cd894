//! Jobs of records that were written before jobs had a stored state.

use sagewright_cloud_core::records::Record;
use sagewright_cloud_sagemaker_base::resource::HIDDEN;
use sagewright_cloud_sagemaker_base::{Outcome, Run};

use crate::job::id;
use crate::job::life::{Life, Phase};

/// How far such a job is. One in progress is taken for one at work, so that it runs again.
pub(super) fn life(record: &Record) -> Option<Life> {
    let attempts = &record.body[HIDDEN]["attempts"];
    let runs = attempts["runs"].as_u64().unwrap_or(0);
    let phase = match record.status.as_str() {
        "InProgress" if runs == 0 => Phase::Waiting,
        "InProgress" => Phase::Running,
        "Stopping" => Phase::Stopping,
        "Completed" => Phase::Ended(Outcome::Completed),
        "Failed" => Phase::Ended(Outcome::Failed),
        "Stopped" => Phase::Ended(Outcome::Stopped),
        _ => return None,
    };
    let unfinished = attempts["open"].as_u64().and_then(|open| u32::try_from(open).ok()).unwrap_or(0);
    Some(Life { run: Run { job: id(record), number: runs.max(1) }, phase, unfinished })
}
