//! `UpdateModelPackage`

use serde_json::{Map, Value, json};

use super::check_additional;
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::Record;
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::resource::user;
use sagewright_cloud_sagemaker_base::resource::{Kind, fields, locate, required};

/// Members that replace what is there.
const REPLACED: &[&str] = &[
    "ModelApprovalStatus",
    "ModelPackageRegistrationType",
    "ApprovalDescription",
    "InferenceSpecification",
    "SourceUri",
    "ModelLifeCycle",
];

pub(crate) async fn update(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let (key, arn) = locate(call, Kind::MODEL_PACKAGE, required(call, "ModelPackageArn")?)?;
    let changed = sm
        .change(Kind::MODEL_PACKAGE, &key, |record| {
            apply(call, record)?;
            // The record's time tells an updated package, so it must differ even within a millisecond.
            record.modified = call.now.as_millisecond().max(record.created + 1);
            Ok(())
        })
        .await?;
    changed.ok_or_else(|| Kind::MODEL_PACKAGE.missing(&arn))?;
    Ok(json!({ "ModelPackageArn": arn }))
}

fn apply(call: &Call, record: &mut Record) -> Result<(), ApiError> {
    let stored = fields(record)?;
    let given = |member: &str| call.input.get(member).filter(|v| !v.is_null());
    if given("ModelApprovalStatus").is_some() && !stored.contains_key("ModelPackageVersion") {
        return Err(ApiError::validation("ModelApprovalStatus applies only to versioned model packages."));
    }
    if let Some(card) = given("ModelCard") {
        super::check_card(card)?;
        let before = stored.get("ModelCard").cloned().unwrap_or_default();
        if before["ModelCardStatus"] == "Archived" && !card["ModelCardContent"].is_null() {
            return Err(ApiError::validation("Model Card is in Archived state."));
        }
        // What an update does not name stays: a status is no new content.
        let mut merged = before.as_object().cloned().unwrap_or_default();
        let given = card.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
        merged.extend(given.map(|(member, value)| (member.clone(), value.clone())));
        stored.insert("ModelCard".to_owned(), Value::Object(merged));
    }
    for member in REPLACED {
        if let Some(value) = given(member) {
            stored.insert((*member).to_owned(), value.clone());
        }
    }
    if let Some(Value::Array(added)) = given("AdditionalInferenceSpecificationsToAdd") {
        let list = stored.entry("AdditionalInferenceSpecifications").or_insert_with(|| json!([]));
        if let Value::Array(list) = list {
            list.extend(added.iter().cloned());
        }
        check_additional(stored.get("AdditionalInferenceSpecifications"))?;
    }
    metadata(call, stored);
    stored.insert("LastModifiedBy".to_owned(), user(call));
    Ok(())
}

fn metadata(call: &Call, stored: &mut Map<String, Value>) {
    let entry = stored.entry("CustomerMetadataProperties").or_insert_with(|| json!({}));
    if let Value::Object(properties) = entry {
        if let Some(Value::Object(set)) = call.input.get("CustomerMetadataProperties") {
            properties.extend(set.clone());
        }
        for key in call.input.get("CustomerMetadataPropertiesToRemove").and_then(Value::as_array).into_iter().flatten()
        {
            properties.remove(key.as_str().unwrap_or_default());
        }
        if properties.is_empty() {
            stored.swap_remove("CustomerMetadataProperties");
        }
    }
}
