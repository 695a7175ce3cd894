//! SageMaker's lineage: artifacts, actions, contexts and the associations between them, queries over these, and the
//! experiments that trial components are part of; and SageMaker Metrics, what code logs to trial components.
//!
//! `recorder` writes what SageMaker tracks by itself, when a job, a model package or an endpoint enters a status. What it
//! writes of each is a pure function of the resource (`recorder/plan`).

mod association;
mod entity;
mod experiment;
mod group;
mod metrics;
mod query;
mod recorder;

use std::sync::Arc;

use async_trait::async_trait;
use sagewright_cloud_core::api::{self, ApiError, Call, Handler, Output};
use sagewright_cloud_core::operations;
use sagewright_cloud_core::timers::Due;
use sagewright_cloud_sagemaker_base::{Operation, SageMaker};

pub use sagewright_cloud_sagemaker_base::lineage::OWNER;

/// The operations of this crate.
pub const OPERATIONS: &[(&str, Operation)] = operations! { SageMaker:
    "AddAssociation" => association::add::add,
    "DeleteAssociation" => association::delete::delete,
    "ListAssociations" => association::list::list,
    "CreateArtifact" => entity::create::artifact,
    "DeleteArtifact" => entity::delete::artifact,
    "DeleteAction" => entity::delete::action,
    "DeleteContext" => entity::delete::context,
    "ListArtifacts" => entity::list::artifacts,
    "ListActions" => entity::list::actions,
    "ListContexts" => entity::list::contexts,
    "QueryLineage" => query::query,
    "ListLineageGroups" => group::list,
    "DescribeLineageGroup" => group::describe,
    "GetLineageGroupPolicy" => group::policy,
    "CreateTrial" => experiment::create::trial,
    "DeleteExperiment" => experiment::delete::experiment,
    "DeleteTrial" => experiment::delete::trial,
    "DeleteTrialComponent" => experiment::delete::component,
    "AssociateTrialComponent" => experiment::membership::associate,
    "DisassociateTrialComponent" => experiment::membership::disassociate,
    "ListTrials" => experiment::list::trials,
    "ListTrialComponents" => experiment::list::components,
};

/// The operations of SageMaker Metrics.
pub const METRICS_OPERATIONS: &[(&str, Operation)] = operations! { SageMaker:
    "BatchPutMetrics" => metrics::put::put,
    "BatchGetMetrics" => metrics::get::get,
};

/// Answers `sagemaker-metrics`.
pub struct Metrics(pub SageMaker);

#[async_trait]
impl Handler for Metrics {
    async fn call(&self, call: Call) -> Result<Output, ApiError> {
        api::answer(METRICS_OPERATIONS, &self.0, &call).await
    }
}

/// Does the timers of [`OWNER`].
#[must_use]
pub fn due(sm: &SageMaker) -> Due {
    let sm = sm.clone();
    Arc::new(move |timer| {
        let sm = sm.clone();
        Box::pin(async move { recorder::record(&sm, timer).await })
    })
}
