//! The jobs of the last process, and those for the next one.

use sagewright_cloud_core::api::ApiError;
use sagewright_cloud_sagemaker_base::machine::{self, tell};
use sagewright_cloud_sagemaker_base::{Kind, ResumeError, SageMaker};

use super::machine::{Event, TrainingJobs};

/// Takes up the jobs of the last process.
///
/// # Errors
/// The state could not be read.
pub async fn resume(sm: &SageMaker) -> Result<(), ResumeError> {
    machine::resume(&TrainingJobs(sm.clone()), &["Stopping", "InProgress"], |_| Event::Restarted).await
}

/// The cloud ends in order: jobs in progress are run again at its next start, however often that was so before.
///
/// # Errors
/// The state could not be read or written.
pub async fn suspend(sm: &SageMaker) -> Result<(), ApiError> {
    let jobs = TrainingJobs(sm.clone());
    let mut outcome = Ok(());
    for record in sm.env().store.with_status(Kind::TRAINING_JOB.as_str(), "InProgress").await? {
        // One that cannot be told must not count against the others.
        if let Err(error) = tell(&jobs, &record.key, &Event::CloudEnds).await {
            tracing::warn!(job = record.arn, error = error.message, "the orderly end could not be recorded");
            outcome = outcome.and(Err(error));
        }
    }
    outcome
}
