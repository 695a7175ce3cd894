//! `DeleteRecord`

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::resource::required;
use serde_json::{Value, json};

use super::Stored;
use super::write::{Online, Outcome, Stores, write};
use crate::error::validation;
use crate::group::{Group, Row};

pub async fn delete(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let group = Group::of(sm, call, required(call, "FeatureGroupName")?).await?;
    let one = |name: &str, member: &str| {
        Ok::<_, ApiError>(json!({"FeatureName": name, "ValueAsString": required(call, member)?}))
    };
    let values =
        json!([one(&group.identifier, "RecordIdentifierValueAsString")?, one(&group.event_time, "EventTime")?]);
    let row: Row = group.row(&values)?;
    let stores = Stores::of(&group, &call.input["TargetStores"])?;
    let hard = call.text("DeletionMode") == Some("HardDelete");
    let identifier = row.identifier.clone();
    let delete = move |before: Option<&Stored>| {
        let newer = before.is_none_or(|before| row.at > before.at);
        if hard && stores.online && !newer {
            return Err(validation(format!(
                "EventTime {} is not later than that of the record {}, which is not deleted.",
                row.event_time, row.identifier
            )));
        }
        let left = Stored { at: row.at, ttl: None, deleted: true, values: row.values.clone() };
        let online = if hard { Online::Gone } else { Online::Is(left) };
        Ok(Outcome { online: newer.then_some(online), row: Some(row.clone()), deleted: true })
    };
    write(sm, &group, &identifier, stores, call.now.as_millisecond(), delete).await?;
    Ok(json!({}))
}
