//! SageMaker's jobs: training jobs, from the request to the model in S3.

mod job;
pub mod training;
mod training_job;

use sagewright_cloud_core::operations;
use sagewright_cloud_sagemaker_base::{Operation, SageMaker};

pub use training_job::resume::{resume, suspend};

/// The operations of this crate.
pub const OPERATIONS: &[(&str, Operation)] = operations! { SageMaker:
    "CreateTrainingJob" => training_job::create::create,
    "DescribeTrainingJob" => training_job::describe::describe,
    "ListTrainingJobs" => training_job::list::list,
    "StopTrainingJob" => training_job::stop::stop,
    "UpdateTrainingJob" => training_job::update::update,
    "DeleteTrainingJob" => training_job::delete::delete,
};
