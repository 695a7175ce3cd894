//! `PutRecord`

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::resource::required;
use serde_json::{Value, json};

use super::Stored;
use super::write::{Online, Outcome, Stores, write};
use crate::group::Group;
use crate::ttl;

pub async fn put(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let group = Group::of(sm, call, required(call, "FeatureGroupName")?).await?;
    put_one(sm, &group, &call.input, &call.input["TtlDuration"], call.now.as_millisecond()).await?;
    Ok(json!({}))
}

/// Puts a record that stands in a request beside its `TargetStores`.
pub async fn put_one(sm: &SageMaker, group: &Group, entry: &Value, ttl: &Value, now: i64) -> Result<(), ApiError> {
    let row = group.row(&entry["Record"])?;
    let stores = Stores::of(group, &entry["TargetStores"])?;
    let ttl = ttl::millis(ttl)?.or_else(|| group.online.as_ref().and_then(|online| online.ttl));
    let identifier = row.identifier.clone();
    let put = move |before: Option<&Stored>| {
        // "If a new record's EventTime is greater, the new record is written to both stores. Otherwise, the record is a
        // historic record and it is written only to the OfflineStore."
        let newer = before.is_none_or(|before| row.at > before.at);
        let stored = Stored { at: row.at, ttl, deleted: false, values: row.values.clone() };
        Ok(Outcome { online: newer.then_some(Online::Is(stored)), row: Some(row.clone()), deleted: false })
    };
    write(sm, group, &identifier, stores, now, put).await
}
