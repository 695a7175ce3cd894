//! `UpdateRecord`

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::resource::required;
use serde_json::{Value, json};

use super::Stored;
use super::write::{Online, Outcome, Stores, write};
use crate::error::validation;
use crate::group::{Group, Row};
use crate::ttl;

/// Most features of one update (`UpdateRecord`).
const MOST: usize = 100;

pub async fn update(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let group = Group::of(sm, call, required(call, "FeatureGroupName")?).await?;
    if group.online()?.storage == "Standard" {
        return Err(validation(format!(
            "UpdateRecord needs an online store of type Standard_V2 or InMemory, and that of the feature group {} is Standard.",
            group.name
        )));
    }
    let identifier = required(call, "RecordIdentifierValueAsString")?;
    let values = group.check_values(&call.input["Features"])?;
    if values.len() > MOST {
        return Err(validation(format!("UpdateRecord takes at most {MOST} features.")));
    }
    let given = |name: &str| values.iter().find(|value| value["FeatureName"] == name).map(|v| &v["ValueAsString"]);
    if given(&group.identifier).is_some_and(|value| value != identifier) {
        return Err(validation(format!(
            "The value of {} in Features differs from RecordIdentifierValueAsString.",
            group.identifier
        )));
    }
    let at = given(&group.event_time).and_then(Value::as_str).map(|text| group.at(text)).transpose()?;
    let ttl = ttl::millis(&call.input["TtlDuration"])?;
    if ttl.is_some() && at.is_none() {
        return Err(validation(format!("TtlDuration needs a value of {} in Features.", group.event_time)));
    }
    let stores = Stores::of(&group, &call.input["TargetStores"])?;
    let update = |before: Option<&Stored>| {
        let Some(before) = before.filter(|before| !before.deleted) else {
            let text = format!("The feature group {} has no record {identifier}.", group.name);
            return Err(ApiError::new("ResourceNotFound", 404, text));
        };
        if at.is_some_and(|at| at < before.at) {
            return Err(ApiError::new(
                "ConflictException",
                409,
                format!("The EventTime of the update is older than that of the record {identifier}."),
            ));
        }
        let mut stored = Stored { at: at.unwrap_or(before.at), ttl: ttl.or(before.ttl), ..before.clone() };
        for value in &values {
            match stored.values.iter_mut().find(|old| old["FeatureName"] == value["FeatureName"]) {
                Some(old) => old.clone_from(value),
                None => stored.values.push(value.clone()),
            }
        }
        // The whole record, and not the features alone, may be longer than a record can be.
        let row: Row = group.row(&json!(stored.values))?;
        Ok(Outcome { online: Some(Online::Is(stored)), row: Some(row), deleted: false })
    };
    write(sm, &group, identifier, stores, call.now.as_millisecond(), update).await?;
    Ok(json!({}))
}
