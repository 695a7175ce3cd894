//! SageMaker Pipelines: definitions, their versions, and executions that run their steps by SageMaker's own operations.
//!
//! The core is pure: a definition is parsed into a graph (`definition`, `expression`, `parameter`), and what comes next follows from
//! the stored state and an event (`execution/step`). Around it: what is stored (`execution/machine`), what is carried out (`run`), and
//! the operations (`pipeline`, `pipeline_execution`).

pub mod definition;
mod document;
pub mod execution;
pub mod expression;
pub mod kinds;
mod page;
pub mod parameter;
mod pipeline;
mod pipeline_execution;
mod run;

use sagewright_cloud_core::operations;
use sagewright_cloud_sagemaker_base::{Operation, ResumeError, SageMaker, machine};

use execution::machine::Executions;
use execution::step::Event;

/// The operations of this crate.
pub const OPERATIONS: &[(&str, Operation)] = operations! { SageMaker:
    "CreatePipeline" => pipeline::create::create,
    "UpdatePipeline" => pipeline::update::update,
    "DescribePipeline" => pipeline::describe::describe,
    "DeletePipeline" => pipeline::delete::delete,
    "ListPipelines" => pipeline::list::list,
    "ListPipelineVersions" => pipeline::version::list,
    "UpdatePipelineVersion" => pipeline::version::update,
    "StartPipelineExecution" => pipeline_execution::start::start,
    "StopPipelineExecution" => pipeline_execution::stop::stop,
    "RetryPipelineExecution" => pipeline_execution::stop::retry,
    "UpdatePipelineExecution" => pipeline_execution::update::update,
    "DescribePipelineExecution" => pipeline_execution::describe::describe,
    "DescribePipelineDefinitionForExecution" => pipeline_execution::describe::definition,
    "ListPipelineParametersForExecution" => pipeline_execution::describe::parameters,
    "ListPipelineExecutions" => pipeline_execution::list::list,
    "ListPipelineExecutionSteps" => pipeline_execution::steps::list,
    "SendPipelineExecutionStepSuccess" => pipeline_execution::answer::success,
    "SendPipelineExecutionStepFailure" => pipeline_execution::answer::failure,
};

/// Takes up the executions of the last process.
///
/// # Errors
/// The state could not be read.
pub async fn resume(sm: &SageMaker) -> Result<(), ResumeError> {
    machine::resume(&Executions(sm.clone()), &["Executing", "Stopping"], |_| Event::Restarted).await
}
