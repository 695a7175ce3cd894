//! The jobs of the last process, and those for the next one.

use sagewright_cloud_core::api::ApiError;
use sagewright_cloud_sagemaker_base::ResumeError;
use sagewright_cloud_sagemaker_base::machine::{self, tell};

use super::Job;

/// Takes up the jobs of the last process.
///
/// # Errors
/// The state could not be read.
pub async fn resume<J: Job>(jobs: &J) -> Result<(), ResumeError>
where
    J::Event: 'static,
{
    machine::resume(jobs, &["Stopping", "InProgress"], |_| J::restarted()).await
}

/// The cloud ends in order: jobs in progress are run again at its next start, however often that was so before.
///
/// # Errors
/// The state could not be read or written.
pub async fn suspend<J: Job>(jobs: &J) -> Result<(), ApiError> {
    let mut outcome = Ok(());
    for record in jobs.sagemaker().env().store.with_status(J::KIND.as_str(), "InProgress").await? {
        // One that cannot be told must not count against the others.
        if let Err(error) = tell(jobs, &record.key, &J::cloud_ends()).await {
            tracing::warn!(job = record.arn, error = error.message, "the orderly end could not be recorded");
            outcome = outcome.and(Err(error));
        }
    }
    outcome
}
