//! `BatchDescribeModelPackage`

use serde_json::{Map, Value, json};

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::resource::{self, Kind, pick};

const SUMMARY: &[&str] = &[
    "ModelPackageGroupName",
    "ModelPackageVersion",
    "ModelPackageArn",
    "ModelPackageDescription",
    "CreationTime",
    "InferenceSpecification",
    "ModelPackageStatus",
    "ModelApprovalStatus",
    "ModelPackageRegistrationType",
];

pub(crate) async fn describe(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let list = call.input.get("ModelPackageArnList").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let (mut found, mut errors) = (Map::new(), Map::new());
    for arn in list.iter().filter_map(Value::as_str) {
        match sm.find(call, Kind::MODEL_PACKAGE, arn).await {
            Ok(record) => {
                let mut described = resource::describe(Kind::MODEL_PACKAGE, record);
                if !described.contains_key("InferenceSpecification") {
                    // Required in a summary, so a package that has none cannot have one.
                    let text = format!("ModelPackage {arn} has no InferenceSpecification.");
                    errors.insert(arn.to_owned(), json!({ "ErrorCode": "ValidationException", "ErrorResponse": text }));
                    continue;
                }
                // Required too: a package that is in no group goes by its own name.
                if let Some(name) = described.get("ModelPackageName").cloned() {
                    described.entry("ModelPackageGroupName").or_insert(name);
                }
                found.insert(arn.to_owned(), pick(described, SUMMARY));
            }
            Err(error) if error.status < 500 => {
                errors.insert(arn.to_owned(), json!({ "ErrorCode": error.code, "ErrorResponse": error.message }));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(json!({ "ModelPackageSummaries": found, "BatchDescribeModelPackageErrorMap": errors }))
}
