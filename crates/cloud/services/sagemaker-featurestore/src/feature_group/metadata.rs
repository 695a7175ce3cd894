//! `DescribeFeatureMetadata` and `UpdateFeatureMetadata`

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::{CommitError, Key, Record, Write};
use sagewright_cloud_sagemaker_base::kind::Kind;
use sagewright_cloud_sagemaker_base::resource::required;
use sagewright_cloud_sagemaker_base::{SageMaker, features};
use serde_json::{Map, Value, json};

use super::settled;
use crate::group::Group;
use crate::state::{State, key};

/// Most parameters of a feature.
const PARAMETERS: usize = 25;

/// A feature of a group.
struct Feature {
    group: Group,
    record: Record,
    definition: Value,
    key: Key,
}

async fn feature(sm: &SageMaker, call: &Call) -> Result<Feature, ApiError> {
    let record = sm.find(call, Kind::FEATURE_GROUP, required(call, "FeatureGroupName")?).await?;
    let (group, name) = (Group::read(&record), required(call, "FeatureName")?);
    let definitions = record.body["FeatureDefinitions"].as_array();
    let definition = definitions.into_iter().flatten().find(|definition| definition["FeatureName"] == name).cloned();
    let definition = definition.ok_or_else(|| {
        ApiError::not_found(format!(
            "Resource Not Found: the feature group {} does not have a feature named {name}.",
            group.name
        ))
    })?;
    let key = features::metadata_key(&record, name);
    Ok(Feature { group, record, definition, key })
}

pub async fn describe(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let Feature { record, definition, key, .. } = feature(sm, call).await?;
    let stored = sm.env().store.record(&key).await?;
    Ok(Value::Object(features::feature(&record, &definition, stored.as_ref())))
}

pub async fn update(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let Feature { group, record, key: metadata, .. } = feature(sm, call).await?;
    settled(&record, "updated")?;
    let (store, now) = (&sm.env().store, call.now.as_millisecond());
    let _turn = sm.turn(&group.id).await;
    loop {
        // A group that is going gets no new record.
        let missing = || Kind::FEATURE_GROUP.missing(&record.arn);
        let found = store.get(&key(&group.key, &group.id)).await?.ok_or_else(missing)?;
        let state = State::read(&found.record);
        if state.closed {
            return Err(missing());
        }
        let before = store.get(&metadata).await?;
        let body = changed(call, before.as_ref().map_or(&Value::Null, |before| &before.record.body))?;
        let write = match before {
            Some(mut before) => {
                before.record.body = body;
                before.record.modified = now;
                Write::Replace(before)
            }
            None => Write::Insert(Record {
                key: metadata.clone(),
                arn: String::new(),
                status: String::new(),
                created: now,
                modified: now,
                body,
            }),
        };
        match store.commit(vec![write, state.replace(found, now)]).await {
            Ok(()) => return Ok(json!({})),
            Err(CommitError::Conflict(_)) => {}
            Err(CommitError::Store(error)) => return Err(error.into()),
        }
    }
}

/// Description and parameters after an update.
fn changed(call: &Call, before: &Value) -> Result<Value, ApiError> {
    let mut parameters: Map<String, Value> = before["Parameters"].as_object().cloned().unwrap_or_default();
    for removed in call.input["ParameterRemovals"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        parameters.shift_remove(removed);
    }
    for added in call.input["ParameterAdditions"].as_array().into_iter().flatten() {
        let (Some(key), Some(value)) = (added["Key"].as_str(), added["Value"].as_str()) else {
            return Err(ApiError::validation("Each of ParameterAdditions needs a Key and a Value."));
        };
        parameters.insert(key.to_owned(), json!(value));
    }
    if parameters.len() > PARAMETERS {
        return Err(ApiError::validation(format!("A feature has at most {PARAMETERS} parameters.")));
    }
    let given = &call.input["Description"];
    let description = if given.is_null() { &before["Description"] } else { given };
    Ok(json!({ "Description": description, "Parameters": parameters }))
}
