//! SageMaker Feature Store: feature groups, their records in the online store, and what reaches the offline store in S3.
//!
//! A write of a record is one commit: the record itself, the row that is to reach the offline store, and the state of the group's
//! stores (`state.rs`). Rows are written to S3 as Parquet at intervals, and when the process ends in order; until then they are records,
//! so that no acknowledged row is lost with the process.

mod definition;
mod due;
mod error;
mod event_time;
mod feature_group;
mod group;
mod offline;
mod record;
mod state;
mod ttl;

use async_trait::async_trait;
use sagewright_cloud_core::api::{self, ApiError, Call, Handler, Output};
use sagewright_cloud_core::operations;
use sagewright_cloud_sagemaker_base::{Operation, SageMaker};

pub use due::{OWNER, due};
pub use offline::flush::flush_all;

/// The operations of this crate on SageMaker's control plane.
pub const OPERATIONS: &[(&str, Operation)] = operations! { SageMaker:
    "CreateFeatureGroup" => feature_group::create::create,
    "DescribeFeatureGroup" => feature_group::describe::describe,
    "ListFeatureGroups" => feature_group::list::list,
    "UpdateFeatureGroup" => feature_group::update::update,
    "DeleteFeatureGroup" => feature_group::delete::delete,
    "DescribeFeatureMetadata" => feature_group::metadata::describe,
    "UpdateFeatureMetadata" => feature_group::metadata::update,
};

/// The operations of the runtime API.
pub const RUNTIME_OPERATIONS: &[(&str, Operation)] = operations! { SageMaker:
    "PutRecord" => record::put::put,
    "BatchWriteRecord" => record::batch_write::write,
    "UpdateRecord" => record::update::update,
    "GetRecord" => record::get::get,
    "BatchGetRecord" => record::batch_get::get,
    "ListRecords" => record::list::list,
    "DeleteRecord" => record::delete::delete,
};

/// Answers `sagemaker-featurestore-runtime`.
pub struct Runtime(pub SageMaker);

#[async_trait]
impl Handler for Runtime {
    async fn call(&self, call: Call) -> Result<Output, ApiError> {
        api::answer(RUNTIME_OPERATIONS, &self.0, &call).await
    }
}
