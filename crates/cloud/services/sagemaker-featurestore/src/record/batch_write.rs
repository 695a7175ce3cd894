//! `BatchWriteRecord`

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::SageMaker;
use serde_json::{Value, json};

use super::put::put_one;
use crate::group::Group;

/// Puts each record as `PutRecord` would. What goes wrong with one is told beside it; what breaks here fails the call.
pub async fn write(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let (mut errors, now) = (Vec::new(), call.now.as_millisecond());
    for entry in call.input["Entries"].as_array().into_iter().flatten() {
        let own = &entry["TtlDuration"];
        let ttl = if own.is_null() { &call.input["TtlDuration"] } else { own };
        let put = async {
            let group = Group::of(sm, call, entry["FeatureGroupName"].as_str().unwrap_or_default()).await?;
            put_one(sm, &group, entry, ttl, now).await
        };
        match put.await {
            Ok(()) => {}
            Err(error) if error.status >= 500 => return Err(error),
            Err(error) => {
                errors.push(json!({ "Entry": entry, "ErrorCode": error.code, "ErrorMessage": error.message }));
            }
        }
    }
    Ok(json!({ "Errors": errors, "UnprocessedEntries": [] }))
}
