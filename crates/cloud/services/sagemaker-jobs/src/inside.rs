//! Training jobs that another part of the embedded cloud starts or ends: what a tuning job has of them.
//!
//! A request goes the way that a caller's goes: it is valid by the service model, and all that it names is looked for.

use bytes::Bytes;
use sagewright_cloud_core::api::{ApiError, Call, Caller};
use sagewright_cloud_core::records::{Key, Record};
use sagewright_cloud_sagemaker_base::machine::tell;
use sagewright_cloud_sagemaker_base::{Kind, SageMaker};
use serde_json::{Map, Value};

pub use crate::job::INTERNAL;
use crate::job::Job;
use crate::training_job::machine::TrainingJobs;
use crate::training_job::{create, describe};

/// On whose behalf a job is started, and where.
#[derive(Debug, Clone)]
pub struct Behalf {
    /// Who started what starts the job.
    pub caller: Caller,
    /// Region.
    pub region: String,
}

fn call(sm: &SageMaker, behalf: &Behalf, request: Value) -> Result<Call, ApiError> {
    let service = sagewright_model::service("sagemaker");
    let operation = service.and_then(|service| service.operation("CreateTrainingJob"));
    let (Some(service), Some(operation)) = (service, operation) else {
        return Err(ApiError::internal("the service model has no CreateTrainingJob"));
    };
    if let Some(shape) = service.input(&operation.name) {
        sagewright_model::validate(service, shape, &request)
            .map_err(|error| ApiError::new(error.code(), 400, error.to_string()))?;
    }
    Ok(Call {
        caller: behalf.caller.clone(),
        region: behalf.region.clone(),
        service,
        operation,
        input: request,
        now: sm.env().sim.now(),
        wall: sm.env().wall.now(),
        request_id: String::new(),
        payload: Bytes::new(),
    })
}

/// Checks whether a job could be created, without creating it. Answers the request with AWS's defaults.
///
/// # Errors
/// As `CreateTrainingJob` would refuse it.
pub async fn check(sm: &SageMaker, behalf: &Behalf, request: Value) -> Result<Map<String, Value>, ApiError> {
    let call = call(sm, behalf, request)?;
    create::checked(sm, &call).await.map(|(_, request)| request)
}

/// Creates a job that shows further members beside its request, such as `TuningJobArn`.
///
/// # Errors
/// As `CreateTrainingJob` would refuse it.
pub async fn create(
    sm: &SageMaker,
    behalf: &Behalf,
    request: Value,
    shown: Map<String, Value>,
) -> Result<Record, ApiError> {
    let call = call(sm, behalf, request)?;
    create::create_with(sm, &call, shown).await
}

/// Stops a job.
///
/// # Errors
/// There is no such job, or it is not in progress.
pub async fn stop(sm: &SageMaker, key: &Key) -> Result<(), ApiError> {
    let told = tell(&TrainingJobs(sm.clone()), key, &TrainingJobs::stop_requested()).await?;
    told.map(drop).ok_or_else(|| Kind::TRAINING_JOB.missing(&key.name))
}

/// Takes the spot instances of a job away, as AWS does when it has no more to spare.
///
/// # Errors
/// There is no such job, or it is none that can be interrupted.
pub async fn interrupt(sm: &SageMaker, account: &str, region: &str, job: &str) -> Result<(), ApiError> {
    let key = Key::new(account, region, Kind::TRAINING_JOB.as_str(), &job.to_ascii_lowercase());
    let told = tell(&TrainingJobs(sm.clone()), &key, &TrainingJobs::interrupt_requested()).await?;
    told.map(drop).ok_or_else(|| {
        ApiError::validation(format!("There is no training job {job} in account {account} and region {region}."))
    })
}

/// `MetricDefinitions` of an image that is one of SageMaker's own algorithms.
#[must_use]
pub fn metrics_of(sm: &SageMaker, image: &str) -> Option<Value> {
    describe::built_in(sm, image)
}
