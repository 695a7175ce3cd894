//! What brings an execution to its end: it creates the processing jobs one after the other and looks at what becomes of them.
//!
//! Nothing of it has to be kept. The names of the jobs follow from the execution, so that the next process finds a job that this
//! one has created, and none is run twice for a window.

use std::time::Duration;

use sagewright_cloud_core::api::ApiError;
use sagewright_cloud_core::records::{Change, Key, Record};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::calls::Principal;
use sagewright_cloud_sagemaker_base::kind::Kind;
use sagewright_cloud_sagemaker_base::resource::{cut, fields, hidden};
use serde_json::json;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::request::Job;
use super::{KIND, State, data, ended, set_state, state};

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
            Err(error) if error.lasting => return give_up(sm, key, &error).await,
            Err(error) => {
                tracing::error!(execution = key.name, error = error.message, "an execution cannot go on; trying again");
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
        end(sm, key, None, End::failed(reason)).await?;
        return Ok(false);
    };
    let how = match state.job() {
        None => Some(End { status: "Completed", reason: None }),
        Some(job) if state.created => look(sm, key, &state, job, changes).await?,
        Some(job) => match create(sm, key, &state, job).await? {
            Ok(arn) => {
                record_job(sm, key, &state, job, &arn).await?;
                None
            }
            Err(why) => Some(why),
        },
    };
    if let Some(how) = how {
        end(sm, key, Some(&state), how).await?;
    }
    Ok(false)
}

/// Changes an execution that is as it was looked at, and has not ended: what another driver has done stays.
async fn advance(
    sm: &SageMaker,
    key: &Key,
    seen: Option<&State>,
    mut change: impl FnMut(&mut Record) -> Result<(), ApiError> + Send,
) -> Result<(), ApiError> {
    let now = sm.now();
    let change = |record: &mut Record| {
        if ended(&record.status) || state(record).as_ref() != seen {
            return Ok(());
        }
        record.modified = now;
        change(record)
    };
    sm.change(KIND, key, change).await.map(drop)
}

async fn end(sm: &SageMaker, key: &Key, seen: Option<&State>, end: End) -> Result<(), ApiError> {
    let change = |record: &mut Record| {
        end.status.clone_into(&mut record.status);
        if let Some(reason) = &end.reason {
            fields(record)?.insert("FailureReason".to_owned(), json!(cut(reason)));
        }
        // The record stays as history, and what drove it is most of it.
        hidden(fields(record)?).swap_remove("state");
        Ok(())
    };
    advance(sm, key, seen, change).await
}

/// What an execution needs is damaged: to try it again would change nothing.
async fn give_up(sm: &SageMaker, key: &Key, error: &ApiError) {
    tracing::error!(execution = key.name, error = error.message, "an execution cannot go on, and has failed");
    loop {
        let failed = || End::failed(format!("InternalServerError: {}", error.message));
        let done = match sm.env().store.record(key).await {
            Ok(Some(record)) => end(sm, key, state(&record).as_ref(), failed()).await,
            Ok(None) => return,
            Err(error) => Err(error.into()),
        };
        match done {
            Ok(()) => return,
            Err(error) if error.lasting => {
                return tracing::error!(
                    execution = key.name,
                    error = error.message,
                    "that it has failed cannot be recorded"
                );
            }
            Err(_) => sm.env().wall.sleep(AGAIN).await,
        }
    }
}

/// A job was created: of the analysis, users see it.
async fn record_job(sm: &SageMaker, key: &Key, seen: &State, job: Job, arn: &str) -> Result<(), ApiError> {
    let change = |record: &mut Record| {
        set_state(record, &State { created: true, ..seen.clone() })?;
        "InProgress".clone_into(&mut record.status);
        if job == Job::Analyse {
            fields(record)?.insert("ProcessingJobArn".to_owned(), json!(arn));
        }
        Ok(())
    };
    advance(sm, key, Some(seen), change).await
}

/// Creates a job, or finds that it was created. The inner error is the execution's end.
async fn create(sm: &SageMaker, key: &Key, state: &State, job: Job) -> Result<Result<String, End>, ApiError> {
    // A process that died may have created it.
    if let Some(record) = sm.env().store.record(&job_key(key, state, job)).await? {
        return Ok(Ok(record.arn));
    }
    let data = match data::find(sm, key, state, job).await? {
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

/// Looks at a job that was created, and waits for its end; what the end of the execution is then.
async fn look(
    sm: &SageMaker,
    key: &Key,
    state: &State,
    job: Job,
    changes: &mut Receiver<Change>,
) -> Result<Option<End>, ApiError> {
    let job_key = job_key(key, state, job);
    let Some(record) = sm.env().store.record(&job_key).await? else {
        return Ok(Some(End::failed(format!("The processing job {} is gone.", job_key.name))));
    };
    let message = record.body["ExitMessage"].as_str().filter(|text| !text.is_empty());
    Ok(Some(match record.status.as_str() {
        "Completed" if job == Job::Merge => {
            next(sm, key, state).await?;
            return Ok(None);
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
            return Ok(None);
        }
    }))
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
async fn next(sm: &SageMaker, key: &Key, seen: &State) -> Result<(), ApiError> {
    let next = State { done: seen.done + 1, created: false, ..seen.clone() };
    advance(sm, key, Some(seen), |record| set_state(record, &next)).await
}
