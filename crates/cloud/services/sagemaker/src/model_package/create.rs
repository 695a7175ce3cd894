//! `CreateModelPackage`

use serde_json::{Map, Value, json};

use super::token::Token;
use super::{check_additional, check_card};
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::Write;
use sagewright_cloud_sagemaker_base::inputs::tags;
use sagewright_cloud_sagemaker_base::resource::user;
use sagewright_cloud_sagemaker_base::resource::{HIDDEN, Kind, body, locate, next_version};
use sagewright_cloud_sagemaker_base::{SageMaker, refuse};

/// Members that would run something: validation jobs, marketplace scans, managed storage.
const UNSUPPORTED: &[&str] =
    &["/ValidationSpecification", "/CertifyForMarketplace", "/SourceAlgorithmSpecification", "/ManagedStorageType"];

/// Nothing validates a package, so that it is complete at once.
const STATUS: &str = "Completed";

pub(crate) async fn create(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let tags = tags(call)?;
    refuse::members("", &call.input, UNSUPPORTED)?;
    check_additional(call.input.get("AdditionalInferenceSpecifications"))?;
    check_card(&call.input["ModelCard"])?;
    let mut stored = body(call, &["Tags", "ClientToken", "ModelPackageGroupName"]);
    stored.insert("CreatedBy".to_owned(), user(call));
    stored.insert("ModelPackageStatusDetails".to_owned(), json!({ "ValidationStatuses": [], "ImageScanStatuses": [] }));
    if let Some(token) = call.text("ClientToken") {
        stored.insert(HIDDEN.to_owned(), json!({ "token": token }));
    }
    let arn = match (call.text("ModelPackageName"), call.text("ModelPackageGroupName")) {
        (Some(_), Some(_)) => {
            return Err(ApiError::validation(
                "Both ModelPackageName and ModelPackageGroupName are provided in the input. Cannot determine which one to use.",
            ));
        }
        (None, None) => return Err(ApiError::validation("Missing ARN.")),
        (Some(name), None) => unversioned(sm, call, name, stored, &tags).await?,
        (None, Some(group)) => version(sm, call, group, stored, &tags).await?,
    };
    Ok(json!({ "ModelPackageArn": arn }))
}

async fn unversioned(
    sm: &SageMaker,
    call: &Call,
    name: &str,
    stored: Map<String, Value>,
    tags: &[(String, String)],
) -> Result<String, ApiError> {
    if stored.contains_key("ModelApprovalStatus") {
        return Err(ApiError::validation("ModelApprovalStatus applies only to versioned model packages."));
    }
    if !stored.contains_key("InferenceSpecification") && !stored.contains_key("SourceUri") {
        return Err(ApiError::validation("InferenceSpecification must be set for an unversioned model package."));
    }
    sm.insert(call, Kind::MODEL_PACKAGE, name, STATUS, stored, tags.to_vec()).await
}

/// The next version of a group.
async fn version(
    sm: &SageMaker,
    call: &Call,
    group: &str,
    stored: Map<String, Value>,
    tags: &[(String, String)],
) -> Result<String, ApiError> {
    let (key, group_arn) = locate(call, Kind::MODEL_PACKAGE_GROUP, group)?;
    if !tags.is_empty() {
        return Err(ApiError::validation(format!(
            "Tags can not be set together with ModelPackageGroupName: a version uses the tags of its model package group {group_arn}."
        )));
    }
    let _guard = sm.registry().await;
    let token = Token::of(sm, call, &key).await?;
    if let Some(token) = &token
        && let Some(arn) = token.version(sm).await?
    {
        return Ok(arn);
    }
    // Number and version are one commit: a number that nothing bears would be a hole for ever.
    let added = sm
        .change_with(Kind::MODEL_PACKAGE_GROUP, &key, |group, batch| {
            let name = group.body["ModelPackageGroupName"].clone();
            let next = next_version(group)?;
            let mut stored = stored.clone();
            // The describe output requires a name; a version's is its group's.
            stored.insert("ModelPackageName".to_owned(), name.clone());
            stored.insert("ModelPackageGroupName".to_owned(), name);
            stored.insert("ModelPackageVersion".to_owned(), json!(next));
            stored.entry("ModelApprovalStatus").or_insert_with(|| json!("PendingManualApproval"));
            let name = format!("{}/{next}", key.name);
            let version = SageMaker::record(call, Kind::MODEL_PACKAGE, &name, STATUS, stored);
            let arn = version.arn.clone();
            batch.extend(sm.news(Kind::MODEL_PACKAGE, &version, STATUS));
            batch.push(Write::Insert(version));
            batch.extend(token.as_ref().map(|token| token.write(call, &name)));
            Ok(arn)
        })
        .await?;
    added.ok_or_else(|| Kind::MODEL_PACKAGE_GROUP.missing(&group_arn))
}
