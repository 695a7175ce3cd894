//! `DeleteExperiment`, `DeleteTrial`, `DeleteTrialComponent`: refused while something is in them, or they in something.

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::{Filter, Query};
use sagewright_cloud_sagemaker_base::lineage::TRIAL_PART;
use sagewright_cloud_sagemaker_base::resource::{locate, required};
use sagewright_cloud_sagemaker_base::{Kind, SageMaker};
use serde_json::Value;

use crate::entity::delete::remove;

pub async fn experiment(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let (key, arn) = locate(call, Kind::EXPERIMENT, required(call, "ExperimentName")?)?;
    let record = sm.env().store.record(&key).await?.ok_or_else(|| Kind::EXPERIMENT.missing(&arn))?;
    let name = record.body["ExperimentName"].as_str().unwrap_or_default().to_owned();
    let trials = Filter::Member("ExperimentName".to_owned(), name);
    if any(sm, call, Kind::TRIAL.as_str(), trials).await? {
        return Err(in_use(&arn, "it has trials. Delete them first."));
    }
    remove(sm, Kind::EXPERIMENT, &key, &arn).await
}

pub async fn trial(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let (key, arn) = locate(call, Kind::TRIAL, required(call, "TrialName")?)?;
    if any(sm, call, TRIAL_PART, Filter::NameStarts(format!("{}/", key.name))).await? {
        let why = "trial components are associated with it. Take them out with DisassociateTrialComponent first.";
        return Err(in_use(&arn, why));
    }
    remove(sm, Kind::TRIAL, &key, &arn).await
}

pub async fn component(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let (key, arn) = locate(call, Kind::TRIAL_COMPONENT, required(call, "TrialComponentName")?)?;
    if any(sm, call, TRIAL_PART, Filter::Member("Component".to_owned(), key.name.clone())).await? {
        let why = "it is associated with a trial. Take it out with DisassociateTrialComponent first.";
        return Err(in_use(&arn, why));
    }
    remove(sm, Kind::TRIAL_COMPONENT, &key, &arn).await
}

fn in_use(arn: &str, why: &str) -> ApiError {
    ApiError::validation(format!("{arn} cannot be deleted: {why}"))
}

async fn any(sm: &SageMaker, call: &Call, kind: &str, filter: Filter) -> Result<bool, ApiError> {
    let query = Query { filters: vec![filter], limit: 1, ..Query::all(&call.caller.account, &call.region, kind) };
    Ok(!sm.env().store.find(query).await?.is_empty())
}
