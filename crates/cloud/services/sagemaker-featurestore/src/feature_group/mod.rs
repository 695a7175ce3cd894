//! Feature groups.

pub mod create;
pub mod delete;
pub mod describe;
pub mod list;
pub mod metadata;
pub mod update;

use sagewright_cloud_core::api::ApiError;
use sagewright_cloud_core::records::Record;

/// A group takes changes once it is there.
fn settled(record: &Record, verb: &str) -> Result<(), ApiError> {
    if matches!(&*record.status, "Creating" | "Deleting") {
        return Err(ApiError::validation(format!(
            "FeatureGroup {} cannot be {verb} in status {}.",
            record.arn, record.status
        )));
    }
    Ok(())
}
