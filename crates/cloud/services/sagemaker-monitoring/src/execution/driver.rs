//! What brings an execution to its end: it creates the processing jobs one after the other and looks at what becomes of them.
//!
//! Nothing of it has to be kept. The names of the jobs follow from the execution, so that the next process finds a job that this
//! one has created, and none is run twice for a window.

use std::sync::Arc;
use std::time::Duration;

use sagewright_cloud_core::api::ApiError;
use sagewright_cloud_core::objects::{ObjectError, parse_s3_uri};
use sagewright_cloud_core::records::{Change, Key, Record};
use sagewright_cloud_sagemaker_base::calls::Principal;
use sagewright_cloud_sagemaker_base::kind::Kind;
use sagewright_cloud_sagemaker_base::resource::{cut, fields};
use sagewright_cloud_sagemaker_base::{EndpointKey, SageMaker};
use serde_json::json;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::request::{Data, Job};
use super::{KIND, State, ended, set_state, state, window};

/// How long is waited after what failed for a reason that may pass.
const AGAIN: Duration = Duration::from_secs(1);
/// How long a job is trusted to tell of its end.
const LOOK: Duration = Duration::from_secs(30);

/// What the service says of an execution without data (aws/sagemaker-python-sdk#2634).
const NO_DATA: &str = "Job inputs had no data";

/// Drives an execution until it has ended.
pub(super) async fn drive(sm: &SageMaker, key: &Key) {
    let mut changes = sm.subscribe();
    loop {
        match round(sm, key, &mut changes).await {
            Ok(true) => return,
            Ok(false) => {}
            Err(error) => {
                tracing::error!(execution = key.name, error = error.message, "an execution cannot go on; trying again");
                if error.lasting {
                    return;
                }
                sm.env().wall.sleep(AGAIN).await;
            }
        }
    }
}

/// How an execution ends.
struct End {
    status: &'static str,
    reason: Option<String>,
}

impl End {
    fn failed(reason: impl Into<String>) -> Self {
        Self { status: "Failed", reason: Some(reason.into()) }
    }
}

/// The first thing that there is to do. `true` where nothing is left.
async fn round(sm: &SageMaker, key: &Key, changes: &mut Receiver<Change>) -> Result<bool, ApiError> {
    let Some(record) = sm.env().store.record(key).await? else { return Ok(true) };
    if ended(&record.status) {
        return Ok(true);
    }
    let Some(state) = state(&record) else {
        let reason = "InternalServerError: the stored state of the execution is damaged, so that it cannot go on.";
        return end(sm, key, End::failed(reason)).await;
    };
    let Some(job) = state.job() else { return end(sm, key, End { status: "Completed", reason: None }).await };
    if state.created {
        return look(sm, key, &state, job, changes).await;
    }
    match create(sm, key, &state, job).await? {
        Ok(arn) => {
            record_job(sm, key, job, &arn).await?;
            Ok(false)
        }
        Err(why) => end(sm, key, why).await,
    }
}

async fn end(sm: &SageMaker, key: &Key, end: End) -> Result<bool, ApiError> {
    let now = sm.now();
    let change = |record: &mut Record| {
        end.status.clone_into(&mut record.status);
        record.modified = now;
        if let Some(reason) = &end.reason {
            fields(record)?.insert("FailureReason".to_owned(), json!(cut(reason)));
        }
        Ok(())
    };
    sm.change(KIND, key, change).await?;
    Ok(true)
}

/// A job was created: of the analysis, users see it.
async fn record_job(sm: &SageMaker, key: &Key, job: Job, arn: &str) -> Result<(), ApiError> {
    let now = sm.now();
    let change = |record: &mut Record| {
        let Some(mut state) = state(record) else { return Ok(()) };
        state.created = true;
        set_state(record, &state)?;
        "InProgress".clone_into(&mut record.status);
        record.modified = now;
        if job == Job::Analyse {
            fields(record)?.insert("ProcessingJobArn".to_owned(), json!(arn));
        }
        Ok(())
    };
    sm.change(KIND, key, change).await.map(drop)
}

/// Creates a job, or finds that it was created. The inner error is the execution's end.
async fn create(sm: &SageMaker, key: &Key, state: &State, job: Job) -> Result<Result<String, End>, ApiError> {
    let data = match data(sm, key, state).await? {
        Ok(data) => data,
        Err(reason) => return Ok(Err(End::failed(reason))),
    };
    if data.found.is_empty() || (job == Job::Merge && data.truths.is_empty()) {
        return Ok(Err(End::failed(NO_DATA)));
    }
    let who = Principal {
        account: key.account.clone(),
        region: key.region.clone(),
        role_arn: state.plan.role.clone(),
        session: "SageMaker".to_owned(),
    };
    let error = match sm.invoke(&who, "CreateProcessingJob", state.request(job, &data)).await {
        Ok(created) => return Ok(Ok(created["ProcessingJobArn"].as_str().unwrap_or_default().to_owned())),
        Err(error) => error,
    };
    if error.status >= 500 && error.status != 501 && !error.lasting {
        return Err(error);
    }
    let found = sm.env().store.record(&job_key(key, state, job)).await?;
    Ok(match found {
        Some(record) if error.code == "ResourceInUse" => Ok(record.arn),
        _ => Err(End::failed(error.message)),
    })
}

fn job_key(of: &Key, state: &State, job: Job) -> Key {
    Key::new(&of.account, &of.region, Kind::PROCESSING_JOB.as_str(), &state.name(job))
}

/// Where the data of the window is. The inner error is a `FailureReason`.
async fn data(sm: &SageMaker, key: &Key, state: &State) -> Result<Result<Data, String>, ApiError> {
    let name = state.plan.endpoint_name().unwrap_or_default();
    let endpoint = Key::new(&key.account, &key.region, Kind::ENDPOINT.as_str(), &name.to_ascii_lowercase());
    let Some(record) = sm.env().store.record(&endpoint).await? else {
        return Ok(Err(format!("Could not find endpoint \"{name}\".")));
    };
    let Some(uri) = record.body["DataCaptureConfig"]["DestinationS3Uri"].as_str() else {
        return Ok(Err(format!(
            "The endpoint \"{name}\" captures no data. Update it to an endpoint configuration with a DataCaptureConfig."
        )));
    };
    let name = record.body["EndpointName"].as_str().unwrap_or(name).to_owned();
    let variants: Vec<String> = record.body["ProductionVariants"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|variant| Some(variant["VariantName"].as_str()?.to_owned()))
        .collect();
    let captured = format!("{}/{name}", uri.trim_end_matches('/'));
    // What was captured until now is about to be looked at.
    let flushed = EndpointKey { account: key.account.clone(), region: key.region.clone(), name };
    sm.execution().host.flush(&flushed).await;
    let hours = window::hours(state.window);
    let (objects, account, truth) = (Arc::clone(&sm.env().objects), key.account.clone(), state.plan.truth.clone());
    let any = move |folder: &str| {
        let Some((bucket, prefix)) = parse_s3_uri(folder) else { return Ok(false) };
        match objects.any(&account, bucket, prefix) {
            Err(error @ ObjectError::Storage { .. }) => Err(ApiError::internal(error.to_string())),
            found => Ok(found.unwrap_or(false)),
        }
    };
    let look = move || {
        let mut data = Data { captured, ..Data::default() };
        for hour in &hours {
            for variant in &variants {
                if any(&format!("{}/{variant}/{hour}/", data.captured))? {
                    data.found.push((variant.clone(), hour.clone()));
                }
            }
            if let Some(truth) = &truth
                && any(&format!("{}/{hour}/", truth.trim_end_matches('/')))?
            {
                data.truths.push(hour.clone());
            }
        }
        // Folders of one variant follow each other.
        data.found.sort();
        Ok(data)
    };
    let found = tokio::task::spawn_blocking(look).await.map_err(|error| ApiError::internal(error.to_string()))?;
    found.map(Ok)
}

/// Looks at a job that was created, and waits for its end.
async fn look(
    sm: &SageMaker,
    key: &Key,
    state: &State,
    job: Job,
    changes: &mut Receiver<Change>,
) -> Result<bool, ApiError> {
    let job_key = job_key(key, state, job);
    let Some(record) = sm.env().store.record(&job_key).await? else {
        return end(sm, key, End::failed(format!("The processing job {} is gone.", job_key.name))).await;
    };
    let message = record.body["ExitMessage"].as_str().filter(|text| !text.is_empty());
    let how = match record.status.as_str() {
        "Completed" if job == Job::Merge => {
            next(sm, key).await?;
            return Ok(false);
        }
        "Completed" if message.is_some_and(|text| text.starts_with("CompletedWithViolations")) => {
            End { status: "CompletedWithViolations", reason: None }
        }
        "Completed" => End { status: "Completed", reason: None },
        "Failed" => {
            let reason = record.body["FailureReason"].as_str().unwrap_or("The processing job failed.");
            // What the program says is more than that it failed.
            End::failed(message.unwrap_or(reason))
        }
        "Stopped" => End { status: "Stopped", reason: None },
        _ => {
            wait(sm, &record, changes).await;
            return Ok(false);
        }
    };
    end(sm, key, how).await
}

async fn wait(sm: &SageMaker, job: &Record, changes: &mut Receiver<Change>) {
    let changed = async {
        loop {
            match changes.recv().await {
                Ok(change) if change.arn == job.arn && change.status != job.status => return,
                Ok(_) => {}
                // Some were missed: the next look tells.
                Err(RecvError::Lagged(_) | RecvError::Closed) => return,
            }
        }
    };
    tokio::select! {
        () = changed => {}
        () = sm.env().wall.sleep(LOOK) => {}
    }
}

/// The job has completed, and the next one comes.
async fn next(sm: &SageMaker, key: &Key) -> Result<(), ApiError> {
    let now = sm.now();
    let change = |record: &mut Record| {
        if let Some(mut state) = state(record) {
            state.done += 1;
            state.created = false;
            set_state(record, &state)?;
            record.modified = now;
        }
        Ok(())
    };
    sm.change(KIND, key, change).await.map(drop)
}
