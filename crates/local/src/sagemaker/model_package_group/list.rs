//! `ListModelPackageGroups`

use rusqlite::types::Value as Sql;
use serde_json::Value;

use crate::api::{ApiError, Call};
use crate::sagemaker::SageMaker;
use crate::sagemaker::listing::{self, Listing};
use crate::sagemaker::resource::Kind;

pub(in crate::sagemaker) fn list(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    // Nothing is shared between the embedded cloud's accounts yet, so none is seen from another.
    let shared = (call.text("CrossAccountFilterOption") == Some("CrossAccount")).then_some(("0", Sql::Null));
    let listing = Listing {
        kind: Kind::ModelPackageGroup,
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
