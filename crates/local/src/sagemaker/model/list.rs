//! `ListModels`

use serde_json::Value;

use crate::api::{ApiError, Call};
use crate::sagemaker::SageMaker;
use crate::sagemaker::listing::{self, Listing};
use crate::sagemaker::resource::Kind;

pub(in crate::sagemaker) fn list(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let listing = Listing {
        kind: Kind::Model,
        result: "Models",
        summary: &["ModelName", "ModelArn", "CreationTime"],
        descending: true,
        filters: Vec::new(),
    };
    listing::list(sm, call, &listing)
}
