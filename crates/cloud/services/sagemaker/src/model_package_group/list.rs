//! `ListModelPackageGroups`

use serde_json::Value;

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::Filter;
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::listing::{self, Listing};
use sagewright_cloud_sagemaker_base::resource::Kind;

pub(crate) async fn list(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    // Nothing is shared between the embedded cloud's accounts yet, so none is seen from another.
    let filters = match call.text("CrossAccountFilterOption") {
        Some("CrossAccount") => vec![Filter::Nothing],
        _ => Vec::new(),
    };
    let listing = Listing {
        kind: Kind::MODEL_PACKAGE_GROUP,
        result: "ModelPackageGroupSummaryList",
        summary: &[
            "ModelPackageGroupName",
            "ModelPackageGroupArn",
            "ModelPackageGroupDescription",
            "CreationTime",
            "ModelPackageGroupStatus",
        ],
        descending: false,
        filters,
    };
    listing::list(sm, call, &listing).await
}
