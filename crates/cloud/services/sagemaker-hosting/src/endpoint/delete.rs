//! `DeleteEndpoint`

use serde_json::{Value, json};

use super::{KIND, deploy, in_progress};
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::resource::{arn, key, next_epoch, required};

/// An endpoint that is being changed cannot be deleted; AWS answers as for an update.
pub(crate) async fn delete(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let name = required(call, "EndpointName")?;
    let key = key(call, KIND, name);
    let deleting = sm
        .change(KIND, &key, |record| {
            if !matches!(record.status.as_str(), "InService" | "OutOfService" | "Failed") {
                return Err(in_progress(record));
            }
            next_epoch(record)?;
            record.status = "Deleting".to_owned();
            record.modified = call.now.as_millisecond();
            Ok(())
        })
        .await?;
    deleting.ok_or_else(|| KIND.missing(&arn(call, KIND, name)))?;
    deploy::remove(sm, key);
    Ok(json!({}))
}
