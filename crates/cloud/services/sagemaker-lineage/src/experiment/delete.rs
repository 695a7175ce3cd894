//! `DeleteExperiment`, `DeleteTrial`, `DeleteTrialComponent`: refused while something is in them, or they in something.

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::{Filter, Record};
use sagewright_cloud_sagemaker_base::lineage::{TRIAL_PART, TRIAL_PART_IN};
use sagewright_cloud_sagemaker_base::resource::{locate, required};
use sagewright_cloud_sagemaker_base::{Kind, SageMaker};
use serde_json::Value;

use crate::entity::delete::{Hold, remove};

pub async fn experiment(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let trials = |experiment: &Record| {
        let name = experiment.body["ExperimentName"].as_str().unwrap_or_default().to_owned();
        Some(Hold {
            kind: Kind::TRIAL.as_str(),
            filter: Filter::Member("ExperimentName".to_owned(), name),
            why: "it has trials. Delete them first.",
        })
    };
    named(sm, call, Kind::EXPERIMENT, trials).await
}

pub async fn trial(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let components = |trial: &Record| {
        Some(Hold {
            kind: TRIAL_PART,
            filter: Filter::NameStarts(format!("{}/", trial.key.name)),
            why: "trial components are associated with it. Take them out with DisassociateTrialComponent first.",
        })
    };
    named(sm, call, Kind::TRIAL, components).await
}

pub async fn component(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let trials = |component: &Record| {
        Some(Hold {
            kind: TRIAL_PART_IN,
            filter: Filter::NameStarts(format!("{}/", component.key.name)),
            why: "it is associated with a trial. Take it out with DisassociateTrialComponent first.",
        })
    };
    named(sm, call, Kind::TRIAL_COMPONENT, trials).await
}

async fn named(sm: &SageMaker, call: &Call, kind: Kind, holds: fn(&Record) -> Option<Hold>) -> Result<Value, ApiError> {
    let (key, arn) = locate(call, kind, required(call, kind.name_member())?)?;
    remove(sm, kind, &key, &arn, holds).await
}
