//! The scheduler: jobs wait for a slot, run, and are recorded to their end, whatever happens to them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::sync::{mpsc, watch};

use super::attempts;
use super::progress::{self, Metrics};
use sagewright_cloud_core::api::ApiError;
use sagewright_cloud_core::store::{Key, Record};
use sagewright_cloud_sagemaker_base::resource::{Kind, epoch, fields, next_epoch};
use sagewright_cloud_sagemaker_base::state::ResumeError;
use sagewright_cloud_sagemaker_base::{SageMaker, TrainingEnd, TrainingEvent, TrainingEvents, TrainingTask};

/// One run of a job.
#[derive(Clone)]
struct Run {
    key: Key,
    epoch: u64,
}

/// Runs a job as soon as a slot is free. Its record is there and in progress, or has been told to stop since.
pub(super) fn launch(sm: &SageMaker, key: Key, epoch: u64) {
    let (stop, stopped) = watch::channel(false);
    sm.jobs().insert(key.clone(), stop);
    let sm = sm.clone();
    tokio::spawn(async move { run(&sm, Run { key, epoch }, stopped).await });
}

/// Takes up the jobs of the last process.
pub async fn resume(sm: &SageMaker) -> Result<(), ResumeError> {
    let kind = Kind::TRAINING_JOB.as_str();
    for record in sm.env().store.with_status(kind, "Stopping").await? {
        settle(sm, record, stopped()).await;
    }
    let mut waiting = sm.env().store.with_status(kind, "InProgress").await?;
    waiting.sort_by_key(|record| record.created);
    for record in waiting {
        let now = sm.now();
        if let Some(reason) = record.body.as_object().and_then(attempts::refusal) {
            settle(sm, record, TrainingEnd::Failed { reason }).await;
            continue;
        }
        let begun = sm
            .change(Kind::TRAINING_JOB, &record.key, |record| {
                record.modified = now;
                let epoch = next_epoch(record)?;
                let stored = fields(record)?;
                stored.swap_remove("TrainingStartTime");
                stored.swap_remove("FinalMetricDataList");
                progress::enter(stored, "Restarting", "The embedded cloud was restarted; running the job again", now);
                progress::enter(stored, "Starting", "Starting the training job", now);
                Ok(epoch)
            })
            .await;
        // On a full disk the cloud starts all the same, so that room can be made through it.
        let epoch = match begun {
            Ok(Some(epoch)) => epoch,
            Ok(None) => continue,
            Err(error) => {
                let error = error.message;
                tracing::warn!(job = record.key.name, error, "the restart of a job could not be recorded");
                epoch(&record)
            }
        };
        launch(sm, record.key, epoch);
    }
    Ok(())
}

/// The cloud ends in order: jobs in progress are run again at its next start, however often that was so before.
///
/// # Errors
/// The state could not be read or written.
pub async fn suspend(sm: &SageMaker) -> Result<(), ApiError> {
    for record in sm.env().store.with_status(Kind::TRAINING_JOB.as_str(), "InProgress").await? {
        sm.change(Kind::TRAINING_JOB, &record.key, |record| {
            attempts::forgive(fields(record)?);
            Ok(())
        })
        .await?;
    }
    Ok(())
}

/// Records the end of a job that does not run: at once, or once the disk has room again.
async fn settle(sm: &SageMaker, record: Record, end: TrainingEnd) {
    let run = Run { epoch: epoch(&record), key: record.key };
    if finish(sm, &run, end.clone(), &Metrics::new()).await.is_err() {
        let sm = sm.clone();
        tokio::spawn(async move { record_end(&sm, &run, end, &Metrics::new()).await });
    }
}

async fn run(sm: &SageMaker, run: Run, stop: watch::Receiver<bool>) {
    let metrics = Arc::new(Mutex::new(Metrics::new()));
    let (tell, told) = mpsc::unbounded_channel();
    let recorder = tokio::spawn(record(sm.clone(), run.clone(), told));
    let end = work(sm, &run, stop, events(sm, tell.clone(), &metrics)).await;
    // From here on late events change nothing, and a stop finds no one to tell: `finish` sees its mark in the record.
    let _ = tell.send(None);
    let _ = recorder.await;
    sm.jobs().remove(&run.key);
    let metrics = metrics.lock().unwrap_or_else(PoisonError::into_inner).clone();
    record_end(sm, &run, end, &metrics).await;
}

/// A record that stays in progress would mislead for ever, so a disk that is full for a while is waited for.
async fn record_end(sm: &SageMaker, run: &Run, end: TrainingEnd, metrics: &Metrics) {
    let mut pause = Duration::from_secs(1);
    while let Err(error) = finish(sm, run, end.clone(), metrics).await {
        tracing::error!(
            job = run.key.name,
            error = error.message,
            "the end of a training job could not be recorded; trying again"
        );
        sm.env().wall.sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(60));
    }
}

async fn work(sm: &SageMaker, run: &Run, mut stop: watch::Receiver<bool>, events: TrainingEvents) -> TrainingEnd {
    // A stop that came before the job could be told is in the record.
    if let Ok(Some(record)) = sm.env().store.record(&run.key).await
        && record.status == "Stopping"
    {
        return stopped();
    }
    let slots = Arc::clone(sm.slots());
    let _slot = tokio::select! {
        biased;
        _ = stop.wait_for(|stop| *stop) => return stopped(),
        slot = slots.acquire_owned() => slot,
    };
    let mut pause = Duration::from_secs(1);
    let task = loop {
        match begin(sm, run).await {
            Ok(Some(task)) => break task,
            Ok(None) => return stopped(),
            Err(error) => {
                let error = error.message;
                tracing::error!(
                    job = run.key.name,
                    error,
                    "the start of a training job could not be recorded; trying again"
                );
            }
        }
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return stopped(),
            () = sm.env().wall.sleep(pause) => pause = (pause * 2).min(Duration::from_secs(60)),
        }
    };
    let trainer = Arc::clone(&sm.execution().trainer);
    // In a task of its own, so that a panic ends the job and not the scheduler.
    match tokio::spawn(async move { trainer.run(task, stop, events).await }).await {
        Ok(end) => end,
        // The process is ending, not the job: its record stays in progress, and the next start runs it again.
        Err(error) if error.is_cancelled() => std::future::pending().await,
        Err(error) => TrainingEnd::Failed {
            reason: format!("InternalServerError: We encountered an internal error. Please try again. ({error})"),
        },
    }
}

/// The task of a job that is about to run; `None` where it was told to stop before.
async fn begin(sm: &SageMaker, run: &Run) -> Result<Option<TrainingTask>, ApiError> {
    let now = sm.now();
    let begun = sm
        .change(Kind::TRAINING_JOB, &run.key, |record| {
            if record.status != "InProgress" || epoch(record) != run.epoch {
                return Ok(None);
            }
            record.modified = now;
            let stored = fields(record)?;
            progress::enter(stored, "Starting", "Preparing the instances for training", now);
            let epoch = attempts::begin(stored);
            Ok(Some(task(record, epoch)))
        })
        .await;
    begun.map(Option::flatten)
}

/// The record's members that `CreateTrainingJob` takes are the request with its defaults.
fn task(record: &Record, epoch: u64) -> TrainingTask {
    let input = sagewright_model::service("sagemaker").and_then(|s| s.input("CreateTrainingJob"));
    let request: Map<String, Value> = record
        .body
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(member, _)| input.is_some_and(|shape| shape.members.contains_key(member.as_str())))
        .map(|(member, value)| (member.clone(), value.clone()))
        .collect();
    let name = request.get("TrainingJobName").and_then(Value::as_str).unwrap_or(&record.key.name).to_owned();
    TrainingTask {
        account: record.key.account.clone(),
        region: record.key.region.clone(),
        arn: record.arn.clone(),
        name,
        request: Value::Object(request),
        epoch,
    }
}

/// A secondary status with the metrics seen until then; `None` when the job has ended.
type Told = Option<Step>;

struct Step {
    status: String,
    message: String,
    at: i64,
    metrics: Metrics,
}

fn events(sm: &SageMaker, tell: mpsc::UnboundedSender<Told>, metrics: &Arc<Mutex<Metrics>>) -> TrainingEvents {
    let (clock, metrics) = (sm.env().sim.clone(), Arc::clone(metrics));
    Arc::new(move |event| match event {
        // Written with the next change of status: a job may log thousands of values.
        TrainingEvent::Metric { name, value, at } => {
            metrics.lock().unwrap_or_else(PoisonError::into_inner).insert(name, (value, at));
        }
        TrainingEvent::Secondary { status, message } => {
            let metrics = metrics.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let at = clock.now().as_millisecond();
            let _ = tell.send(Some(Step { status, message, at, metrics }));
        }
    })
}

/// Records a job's secondary statuses in the order in which they come.
async fn record(sm: SageMaker, run: Run, mut told: mpsc::UnboundedReceiver<Told>) {
    while let Some(Some(Step { status, message, at, metrics })) = told.recv().await {
        let written = sm
            .change(Kind::TRAINING_JOB, &run.key, |record| {
                // A job that is stopping shows that until it has stopped.
                if record.status == "InProgress" && epoch(record) == run.epoch {
                    record.modified = at;
                    let stored = fields(record)?;
                    progress::measure(stored, &metrics);
                    progress::enter(stored, &status, &message, at);
                }
                Ok(())
            })
            .await;
        if let Err(error) = written {
            tracing::warn!(
                job = run.key.name,
                error = error.message,
                "the progress of a training job could not be recorded"
            );
        }
    }
}

async fn finish(sm: &SageMaker, run: &Run, end: TrainingEnd, metrics: &Metrics) -> Result<(), ApiError> {
    let now = sm.now();
    let ended = sm
        .change(Kind::TRAINING_JOB, &run.key, |record| {
            if epoch(record) != run.epoch {
                let epoch = run.epoch;
                tracing::warn!(job = record.arn, epoch, "an earlier run of a job ended late; its end is not recorded");
                return Ok(());
            }
            record.modified = now;
            let status = record.status.clone();
            let stored = fields(record)?;
            progress::measure(stored, metrics);
            record.status = progress::end(stored, &status, end.clone(), now).to_owned();
            Ok(())
        })
        .await;
    ended.map(|_| ())
}

fn stopped() -> TrainingEnd {
    TrainingEnd::Stopped { artifacts: None, max_runtime: false }
}
