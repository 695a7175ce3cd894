//! SageMaker's hyperparameter tuning jobs: which values to try next, and the training jobs that try them.

mod request;
pub mod search;
mod tuning_job;

use sagewright_cloud_core::operations;
use sagewright_cloud_sagemaker_base::{Operation, ResumeError, SageMaker, machine};

use tuning_job::machine::{Event, TuningJobs};

/// The operations of this crate.
pub const OPERATIONS: &[(&str, Operation)] = operations! { SageMaker:
    "CreateHyperParameterTuningJob" => tuning_job::create::create,
    "DescribeHyperParameterTuningJob" => tuning_job::describe::describe,
    "ListTrainingJobsForHyperParameterTuningJob" => tuning_job::list_training_jobs::list,
    "StopHyperParameterTuningJob" => tuning_job::stop::stop,
    "DeleteHyperParameterTuningJob" => tuning_job::delete::delete,
};

/// Takes up the tuning jobs of the last process, once their training jobs are.
///
/// # Errors
/// The state could not be read.
pub async fn resume(sm: &SageMaker) -> Result<(), ResumeError> {
    machine::resume(&TuningJobs(sm.clone()), &["Stopping", "InProgress"], |_| Event::Restarted).await
}
