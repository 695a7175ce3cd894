//! Endpoints: what is deployed and what is being deployed, and the tasks that bring the host there.

pub(super) mod create;
pub(super) mod delete;
pub(super) mod deploy;
pub(super) mod describe;
pub(super) mod list;
pub(super) mod plan;
pub(super) mod policy;
pub(super) mod update;
pub(super) mod weights;

use super::resource::Kind;
use crate::api::ApiError;
use crate::store::Record;

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
    serde_json::from_value(record.body[super::resource::HIDDEN].clone()).map_err(|e| {
        ApiError::internal(format!("the stored {} is damaged: {e}; `sagewright local reset` starts over", record.arn))
    })
}

const KIND: Kind = Kind::Endpoint;
