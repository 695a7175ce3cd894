//! SageMaker's jobs: training, processing and batch transform, from the request to what they leave in S3.

pub mod inside;
mod job;
pub mod processing;
mod processing_job;
pub mod training;
mod training_job;
pub mod transform;
mod transform_job;

use sagewright_cloud_core::api::ApiError;
use sagewright_cloud_core::operations;
use sagewright_cloud_sagemaker_base::{Operation, ResumeError, SageMaker};

use job::resume as each;
use processing_job::ProcessingJobs;
use training_job::machine::TrainingJobs;
use transform_job::TransformJobs;

/// The operations of this crate.
pub const OPERATIONS: &[(&str, Operation)] = operations! { SageMaker:
    "CreateProcessingJob" => processing_job::create::create,
    "StopProcessingJob" => processing_job::stop::stop,
    "CreateTransformJob" => transform_job::create::create,
    "StopTransformJob" => transform_job::stop::stop,
    "CreateTrainingJob" => training_job::create::create,
    "DescribeTrainingJob" => training_job::describe::describe,
    "ListTrainingJobs" => training_job::list::list,
    "StopTrainingJob" => training_job::stop::stop,
    "UpdateTrainingJob" => training_job::update::update,
    "DeleteTrainingJob" => training_job::delete::delete,
};

/// Takes up the jobs of the last process.
///
/// # Errors
/// The state could not be read.
pub async fn resume(sm: &SageMaker) -> Result<(), ResumeError> {
    each::resume(&TrainingJobs(sm.clone())).await?;
    each::resume(&ProcessingJobs::new(sm)).await?;
    each::resume(&TransformJobs::new(sm)).await
}

pub use training_job::reuse::timers;

/// The cloud ends in order: jobs in progress are run again at its next start, however often that was so before.
///
/// # Errors
/// The state could not be read or written.
pub async fn suspend(sm: &SageMaker) -> Result<(), ApiError> {
    let training = each::suspend(&TrainingJobs(sm.clone())).await;
    let processing = each::suspend(&ProcessingJobs::new(sm)).await;
    // What cannot be told of one kind must not count against the others.
    each::suspend(&TransformJobs::new(sm)).await.and(processing).and(training)
}
