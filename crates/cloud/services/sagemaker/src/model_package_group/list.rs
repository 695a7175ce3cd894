//! `ListModelPackageGroups`

use rusqlite::types::Value as Sql;
use serde_json::Value;

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::listing::{self, Listing};
use sagewright_cloud_sagemaker_base::resource::Kind;

pub(crate) fn list(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    // Nothing is shared between the embedded cloud's accounts yet, so none is seen from another.
    let shared = (call.text("CrossAccountFilterOption") == Some("CrossAccount")).then_some(("0", Sql::Null));
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
        filters: shared.into_iter().collect(),
    };
    listing::list(sm, call, &listing)
}
