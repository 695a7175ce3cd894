//! Lineage groups. Each account has the default one, in each region; others come from accounts that share theirs, which
//! embedded accounts do not do.

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::resource::required;
use serde_json::{Value, json};

const DEFAULT: &str = "sagemaker-default-lineage-group";

fn default(call: &Call) -> Value {
    json!({ "LineageGroupName": DEFAULT, "LineageGroupArn": arn(call) })
}

fn arn(call: &Call) -> String {
    call.arn(&format!("lineage-group/{DEFAULT}"))
}

fn find(call: &Call) -> Result<(), ApiError> {
    let name = required(call, "LineageGroupName")?;
    if name == DEFAULT || name == arn(call) {
        return Ok(());
    }
    Err(ApiError::not_found(format!("Lineage group '{name}' does not exist.")))
}

pub(crate) async fn list(_: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    Ok(json!({ "LineageGroupSummaries": [default(call)] }))
}

pub(crate) async fn describe(_: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    find(call).map(|()| default(call))
}

pub(crate) async fn policy(_: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    find(call)?;
    Err(ApiError::not_found(format!("Lineage group {} has no resource policy.", arn(call))))
}
