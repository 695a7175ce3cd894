//! Tags of any resource, by ARN.

pub(super) mod add;
pub(super) mod delete;
pub(super) mod list;

use serde_json::{Value, json};

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::resource::{self, Kind, required};

/// The ARN that the tags of a resource are kept under: its own, or for a version of a model package its group's,
/// since versions use the tags of their group (API reference, `CreateModelPackage`).
async fn tagged(sm: &SageMaker, call: &Call) -> Result<(Kind, String), ApiError> {
    let given = required(call, "ResourceArn")?;
    let Some((kind, name)) = resource::parse_arn(call, given) else {
        return Err(ApiError::validation(format!(
            "Could not find resource \"{given}\": tags are kept for the resources of account {} in {}.",
            call.caller.account, call.region
        )));
    };
    let record = sm.of_arn(call, kind, &name, given).await?;
    match (kind, name.split_once('/')) {
        (kind, Some((group, _))) if kind == Kind::MODEL_PACKAGE => {
            Ok((Kind::MODEL_PACKAGE_GROUP, resource::arn(call, Kind::MODEL_PACKAGE_GROUP, group)))
        }
        _ => Ok((kind, record.arn)),
    }
}

/// The same for changes, which a version does not take.
async fn changeable(sm: &SageMaker, call: &Call) -> Result<String, ApiError> {
    let (kind, arn) = tagged(sm, call).await?;
    if kind == Kind::MODEL_PACKAGE_GROUP && !required(call, "ResourceArn")?.contains(":model-package-group/") {
        return Err(ApiError::validation(format!(
            "A model package version uses the tags of its model package group. Change the tags of {arn}."
        )));
    }
    Ok(arn)
}

fn shown(tags: Vec<(String, String)>) -> Value {
    tags.into_iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect()
}
