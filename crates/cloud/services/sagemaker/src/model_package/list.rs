//! `ListModelPackages`, and what else is asked about the versions of a group.

use serde_json::Value;

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::{Filter, Key, Query};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::listing::{self, Listing};
use sagewright_cloud_sagemaker_base::resource::{Kind, locate};

pub(crate) async fn list(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let mut filters = Vec::new();
    if let Some(group) = call.text("ModelPackageGroupName") {
        let (key, arn) = locate(call, Kind::MODEL_PACKAGE_GROUP, group)?;
        if sm.env().store.record(&key).await?.is_none() {
            return Err(Kind::MODEL_PACKAGE_GROUP.missing(&arn));
        }
        filters.push(Filter::NameStarts(format!("{}/", key.name)));
    } else {
        // "UNVERSIONED … is the default value if no ModelPackageType is specified" (API reference).
        match call.text("ModelPackageType") {
            Some("Both") => {}
            Some("Versioned") => filters.push(Filter::NameHasParts(true)),
            _ => filters.push(Filter::NameHasParts(false)),
        }
    }
    if let Some(status) = call.text("ModelApprovalStatus") {
        filters.push(Filter::Member("ModelApprovalStatus".to_owned(), status.to_owned()));
    }
    let listing = Listing {
        kind: Kind::MODEL_PACKAGE,
        result: "ModelPackageSummaryList",
        summary: &[
            "ModelPackageName",
            "ModelPackageGroupName",
            "ModelPackageVersion",
            "ModelPackageArn",
            "ModelPackageDescription",
            "CreationTime",
            "ModelPackageStatus",
            "ModelApprovalStatus",
            "ModelLifeCycle",
            "ModelPackageRegistrationType",
        ],
        descending: false,
        filters,
    };
    let mut out = listing::list(sm, call, &listing).await?;
    // A summary names a package by its group and version, or by its own name.
    for item in out["ModelPackageSummaryList"].as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        if item.contains_key("ModelPackageGroupName") {
            item.shift_remove("ModelPackageName");
        }
    }
    Ok(out)
}

/// Whether a group has versions.
pub(crate) async fn versions_exist(sm: &SageMaker, group: &Key) -> Result<bool, ApiError> {
    let filters = vec![Filter::NameStarts(format!("{}/", group.name))];
    let versions = Query::all(&group.account, &group.region, Kind::MODEL_PACKAGE.as_str());
    Ok(!sm.env().store.find(Query { filters, limit: 1, ..versions }).await?.is_empty())
}
