//! What stops a job on a caller's request.

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::machine::tell;
use sagewright_cloud_sagemaker_base::resource::{arn, key, required};
use serde_json::{Value, json};

use super::Job;

/// Answers the stop operation of a kind.
///
/// # Errors
/// There is no such job, or it is not in progress.
pub async fn stop<J: Job>(jobs: &J, call: &Call) -> Result<Value, ApiError> {
    let name = required(call, J::KIND.name_member())?;
    let told = tell(jobs, &key(call, J::KIND, name), &J::stop_requested()).await?;
    told.ok_or_else(|| J::KIND.missing(&arn(call, J::KIND, name)))?;
    Ok(json!({}))
}
