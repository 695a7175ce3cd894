//! The instances of the training jobs of a definition.

use sagewright_cloud_core::api::ApiError;
use serde_json::{Value, json};

/// `ResourceConfig` of the training jobs. Of several configurations the first one is always there: each instance is a
/// process on this machine. A stored definition shows both members.
pub fn config(definition: &Value) -> Result<Value, ApiError> {
    let told = |member: &str| definition.get(member).filter(|value| !value.is_null());
    match (told("ResourceConfig"), told("HyperParameterTuningResourceConfig")) {
        (Some(resources), _) => Ok(resources.clone()),
        (None, Some(resources)) => Ok(flexible(resources)),
        (None, None) => Err(ApiError::validation(
            "A training job definition needs a ResourceConfig or a HyperParameterTuningResourceConfig.",
        )),
    }
}

/// A request says one of the two.
pub fn once(definition: &Value) -> Result<(), ApiError> {
    let told = |member: &str| definition.get(member).is_some_and(|value| !value.is_null());
    if told("ResourceConfig") && told("HyperParameterTuningResourceConfig") {
        return Err(ApiError::validation(
            "Specify either ResourceConfig or HyperParameterTuningResourceConfig in a training job definition, and not both.",
        ));
    }
    Ok(())
}

fn flexible(resources: &Value) -> Value {
    let first = &resources["InstanceConfigs"][0];
    let of = |member: &str| [first, resources].into_iter().find_map(|from| from.get(member).cloned());
    let mut config = json!({});
    for member in ["InstanceType", "InstanceCount", "VolumeSizeInGB", "VolumeKmsKeyId"] {
        if let Some(value) = of(member) {
            config[member] = value;
        }
    }
    config
}
