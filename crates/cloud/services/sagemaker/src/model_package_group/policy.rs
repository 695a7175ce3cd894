//! `PutModelPackageGroupPolicy`, `GetModelPackageGroupPolicy`, `DeleteModelPackageGroupPolicy`

use serde_json::{Value, json};

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::resource::{HIDDEN, Kind, fields, locate, required};

const KIND: Kind = Kind::MODEL_PACKAGE_GROUP;

pub(crate) async fn put(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let policy = required(call, "ResourcePolicy")?;
    let valid =
        serde_json::from_str::<Value>(policy).is_ok_and(|p| p["Statement"].is_array() || p["Statement"].is_object());
    if !valid {
        return Err(ApiError::validation(
            "ResourcePolicy is not valid: expected an IAM policy as JSON text with at least one Statement.",
        ));
    }
    let arn = set(sm, call, Some(policy)).await?;
    Ok(json!({ "ModelPackageGroupArn": arn }))
}

pub(crate) async fn get(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let record = sm.find(call, KIND, required(call, "ModelPackageGroupName")?).await?;
    match record.body[HIDDEN]["policy"].as_str() {
        Some(policy) => Ok(json!({ "ResourcePolicy": policy })),
        None => Err(none(&record.arn)),
    }
}

pub(crate) async fn delete(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    set(sm, call, None).await?;
    Ok(json!({}))
}

async fn set(sm: &SageMaker, call: &Call, policy: Option<&str>) -> Result<String, ApiError> {
    let (key, arn) = locate(call, KIND, required(call, "ModelPackageGroupName")?)?;
    let changed = sm
        .change(KIND, &key, |record| {
            let stored = fields(record)?;
            let hidden = stored.entry(HIDDEN).or_insert_with(|| json!({}));
            if policy.is_none() && hidden["policy"].is_null() {
                return Err(none(&arn));
            }
            hidden["policy"] = json!(policy);
            Ok(())
        })
        .await?;
    changed.ok_or_else(|| KIND.missing(&arn))?;
    Ok(arn)
}

fn none(arn: &str) -> ApiError {
    ApiError::validation(format!("Cannot find resource policy for {arn}."))
}
