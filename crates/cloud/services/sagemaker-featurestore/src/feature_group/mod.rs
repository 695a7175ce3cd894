//! Feature groups.

pub mod create;
pub mod delete;
pub mod describe;
pub mod list;
pub mod metadata;
pub mod update;

use sagewright_cloud_core::api::ApiError;
use sagewright_cloud_core::records::Record;
use sagewright_cloud_sagemaker_base::resource::HIDDEN;
use serde_json::{Value, json};

/// `OfflineStoreStatus`; none where there is no offline store.
fn offline_status(record: &Record) -> Option<Value> {
    record.body.get("OfflineStoreConfig").filter(|config| !config.is_null())?;
    Some(match record.body[HIDDEN]["blocked"].as_str() {
        Some(why) => json!({ "Status": "Blocked", "BlockedReason": why }),
        None => json!({ "Status": "Active" }),
    })
}

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
