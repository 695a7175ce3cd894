//! Endpoints: what is deployed and what is being deployed, and the tasks that bring the host there.

pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod deploy;
pub(crate) mod plan;
pub(crate) mod policy;
pub(crate) mod update;
pub(crate) mod weights;

use sagewright_cloud_core::api::ApiError;
use sagewright_cloud_core::records::Record;
use sagewright_cloud_sagemaker_base::resource::Kind;

/// Whether an endpoint takes changes: one at a time, and none after a failed creation ("DeleteEndpoint is the only
/// operation that can be performed on a failed endpoint", API reference).
fn changeable(record: &Record) -> Result<(), ApiError> {
    match record.status.as_str() {
        "InService" | "OutOfService" => Ok(()),
        "Failed" => Err(ApiError::validation(format!(
            "Cannot update endpoint \"{}\" in status Failed. DeleteEndpoint is the only operation that can be performed on a failed endpoint.",
            record.arn
        ))),
        _ => Err(in_progress(record)),
    }
}

fn in_progress(record: &Record) -> ApiError {
    ApiError::validation(format!("Cannot update in-progress endpoint \"{}\".", record.arn))
}

/// Reads the hidden member of a record that says what is served and what is to be served.
fn deployments(record: &Record) -> Result<plan::Deployments, ApiError> {
    serde_json::from_value(record.body[sagewright_cloud_sagemaker_base::resource::HIDDEN].clone()).map_err(|e| {
        ApiError::internal(format!("the stored {} is damaged: {e}; `sagewright local reset` starts over", record.arn))
    })
}

const KIND: Kind = Kind::ENDPOINT;
