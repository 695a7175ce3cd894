//! `BatchWriteRecord`

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::SageMaker;
use serde_json::{Value, json};

use super::put::put_one;
use crate::group::Group;

/// Puts each record as `PutRecord` would. What is wrong with one is told beside it. Where the store fails after the first, the
/// entries from there on are unprocessed, so that a client does not send again what was put.
pub async fn write(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let (mut errors, mut put_any, now) = (Vec::new(), false, call.now.as_millisecond());
    let entries = call.input["Entries"].as_array().map_or(&[][..], Vec::as_slice);
    for (at, entry) in entries.iter().enumerate() {
        let own = &entry["TtlDuration"];
        let ttl = if own.is_null() { &call.input["TtlDuration"] } else { own };
        let put = async {
            let group = Group::of(sm, call, entry["FeatureGroupName"].as_str().unwrap_or_default()).await?;
            put_one(sm, &group, entry, ttl, now).await
        };
        match put.await {
            Ok(()) => put_any = true,
            Err(error) if error.status >= 500 && put_any => {
                tracing::warn!(error = error.message, "the rest of a batch of records is not written");
                return Ok(json!({ "Errors": errors, "UnprocessedEntries": entries[at..] }));
            }
            Err(error) if error.status >= 500 => return Err(error),
            Err(error) => {
                errors.push(json!({ "Entry": entry, "ErrorCode": error.code, "ErrorMessage": error.message }));
            }
        }
    }
    Ok(json!({ "Errors": errors, "UnprocessedEntries": [] }))
}
