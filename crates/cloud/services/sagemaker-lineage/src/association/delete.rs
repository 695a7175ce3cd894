//! `DeleteAssociation`

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::{CommitError, Write};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::resource::required;
use serde_json::{Value, json};

use super::{key, key_in};

pub async fn delete(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    // ARNs are in lower case.
    let (source, destination) = (required(call, "SourceArn")?, required(call, "DestinationArn")?);
    let (source, destination) = (source.to_ascii_lowercase(), destination.to_ascii_lowercase());
    let (account, region) = (&call.caller.account, &call.region);
    let keys = [key(account, region, &source, &destination), key_in(account, region, &source, &destination)];
    match sm.env().store.commit(keys.map(|key| Write::Delete { key, version: None }).into()).await {
        Ok(()) => Ok(json!({ "SourceArn": source, "DestinationArn": destination })),
        Err(CommitError::Conflict(_)) => {
            Err(ApiError::not_found(format!("No association leads from {source} to {destination}.")))
        }
        Err(CommitError::Store(error)) => Err(error.into()),
    }
}
