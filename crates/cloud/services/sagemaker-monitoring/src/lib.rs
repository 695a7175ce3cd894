//! Model Monitor: job definitions, schedules, and executions, each of which runs processing jobs on what endpoints captured.
//!
//! What comes when, and what each execution asks for, is pure (`schedule/expression`, `execution/window`, `execution/request`).
//! Around it: timers, which begin executions (`schedule/due`), and drivers, which bring each to its end (`execution/driver`).

mod definition;
mod execution;
mod plan;
mod schedule;

use std::sync::Arc;

use sagewright_cloud_core::operations;
use sagewright_cloud_core::timers::Timers;
use sagewright_cloud_sagemaker_base::{Operation, ResumeError, SageMaker};

/// The operations of this crate.
pub const OPERATIONS: &[(&str, Operation)] = operations! { SageMaker:
    "CreateDataQualityJobDefinition" => definition::create::data_quality,
    "CreateModelQualityJobDefinition" => definition::create::model_quality,
    "CreateModelBiasJobDefinition" => definition::create::model_bias,
    "CreateModelExplainabilityJobDefinition" => definition::create::model_explainability,
    "DeleteDataQualityJobDefinition" => definition::delete::data_quality,
    "DeleteModelQualityJobDefinition" => definition::delete::model_quality,
    "DeleteModelBiasJobDefinition" => definition::delete::model_bias,
    "DeleteModelExplainabilityJobDefinition" => definition::delete::model_explainability,
    "CreateMonitoringSchedule" => schedule::create::create,
    "DescribeMonitoringSchedule" => schedule::describe::describe,
    "UpdateMonitoringSchedule" => schedule::update::update,
    "StartMonitoringSchedule" => schedule::turn::start,
    "StopMonitoringSchedule" => schedule::turn::stop,
    "DeleteMonitoringSchedule" => schedule::delete::delete,
    "ListMonitoringExecutions" => execution::list::list,
};

/// Has the timers of schedules done.
#[must_use]
pub fn timers(sm: &SageMaker, timers: Timers) -> Timers {
    let sm = sm.clone();
    timers.owner(
        schedule::OWNER,
        Arc::new(move |timer| {
            let sm = sm.clone();
            Box::pin(async move { schedule::due::due(&sm, timer).await })
        }),
    )
}

/// Takes up the executions of the last process.
///
/// # Errors
/// The state could not be read.
pub async fn resume(sm: &SageMaker) -> Result<(), ResumeError> {
    execution::resume(sm).await
}
