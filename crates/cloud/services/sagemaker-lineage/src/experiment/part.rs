//! `AssociateTrialComponent`, `DisassociateTrialComponent`

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::resource::required;
use sagewright_cloud_sagemaker_base::{Kind, SageMaker};
use serde_json::{Value, json};

use super::{part, part_key};

pub async fn associate(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    // Neither may go meanwhile.
    let _guard = sm.exclusive().await;
    let component = sm.find(call, Kind::TRIAL_COMPONENT, required(call, "TrialComponentName")?).await?;
    let trial = sm.find(call, Kind::TRIAL, required(call, "TrialName")?).await?;
    // It may be there already.
    sm.env().store.insert(part(&trial, &component, call.now.as_millisecond()), Vec::new(), Vec::new()).await?;
    Ok(json!({ "TrialComponentArn": component.arn, "TrialArn": trial.arn }))
}

pub async fn disassociate(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let component = sm.find(call, Kind::TRIAL_COMPONENT, required(call, "TrialComponentName")?).await?;
    let trial = sm.find(call, Kind::TRIAL, required(call, "TrialName")?).await?;
    if !sm.env().store.delete(&part_key(&trial.key, &component.key)).await? {
        return Err(ApiError::not_found(format!("{} is not associated with {}.", component.arn, trial.arn)));
    }
    Ok(json!({ "TrialComponentArn": component.arn, "TrialArn": trial.arn }))
}
