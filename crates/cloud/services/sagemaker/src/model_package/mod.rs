//! Model packages: versions in a group, or packages of their own.

pub(super) mod batch_describe;
pub(super) mod create;
pub(super) mod list;
pub(super) mod token;
pub(super) mod update;

use serde_json::Value;

use sagewright_cloud_core::api::ApiError;

/// Names of inference specifications are unique in a package, and there are at most 15.
fn check_additional(list: Option<&Value>) -> Result<(), ApiError> {
    let list = list.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if list.len() > 15 {
        return Err(ApiError::validation("A model package can have at most 15 additional inference specifications."));
    }
    for (i, specification) in list.iter().enumerate() {
        if list[..i].iter().any(|s| s["Name"] == specification["Name"]) {
            return Err(ApiError::validation(format!(
                "The inference specification name {} is used more than once. Names must be unique in a model package.",
                specification["Name"]
            )));
        }
    }
    Ok(())
}

/// The content of a package's own model card is one.
fn check_card(card: &Value) -> Result<(), ApiError> {
    match card["ModelCardContent"].as_str() {
        Some(content) => crate::model_card::content::check("ModelCardContent", content).map(drop),
        None => Ok(()),
    }
}
