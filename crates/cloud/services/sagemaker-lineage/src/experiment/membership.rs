//! `AssociateTrialComponent`, `DisassociateTrialComponent`

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::{CommitError, Write};
use sagewright_cloud_sagemaker_base::resource::required;
use sagewright_cloud_sagemaker_base::{Kind, SageMaker};
use serde_json::{Value, json};

use super::{membership, membership_keys};

pub async fn associate(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    // Neither may go meanwhile.
    let _guard = sm.exclusive().await;
    let component = sm.find(call, Kind::TRIAL_COMPONENT, required(call, "TrialComponentName")?).await?;
    let trial = sm.find(call, Kind::TRIAL, required(call, "TrialName")?).await?;
    let batch = membership(&trial, &component, call.now.as_millisecond()).map(Write::Insert);
    match sm.env().store.commit(batch.into()).await {
        // It may be there already.
        Ok(()) | Err(CommitError::Conflict(_)) => {}
        Err(CommitError::Store(error)) => return Err(error.into()),
    }
    Ok(json!({ "TrialComponentArn": component.arn, "TrialArn": trial.arn }))
}

pub async fn disassociate(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let component = sm.find(call, Kind::TRIAL_COMPONENT, required(call, "TrialComponentName")?).await?;
    let trial = sm.find(call, Kind::TRIAL, required(call, "TrialName")?).await?;
    let batch = membership_keys(&trial.key, &component.key).map(|key| Write::Delete { key, version: None });
    match sm.env().store.commit(batch.into()).await {
        Ok(()) => Ok(json!({ "TrialComponentArn": component.arn, "TrialArn": trial.arn })),
        Err(CommitError::Conflict(_)) => {
            Err(ApiError::not_found(format!("{} is not associated with {}.", component.arn, trial.arn)))
        }
        Err(CommitError::Store(error)) => Err(error.into()),
    }
}
