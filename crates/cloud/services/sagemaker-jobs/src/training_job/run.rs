//! One run of a training job: from its record to the trainer, and back.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use sagewright_cloud_core::records::{Key, Record};
use sagewright_cloud_sagemaker_base::machine::Machine as _;
use sagewright_cloud_sagemaker_base::{Run, TrainingEnd, TrainingEvent, TrainingEvents, TrainingTask};
use serde_json::{Map, Value};
use tokio::sync::watch;

use super::machine::{Event, State, TrainingJobs};
use super::progress::Metrics;
use crate::job::Job;
use crate::job::life::Life;
use crate::job::recorder::Recorder;

#[async_trait]
impl Job for TrainingJobs {
    fn life(state: &State) -> &Life {
        &state.life
    }

    fn admitted(run: Run) -> Event {
        Event::Admitted(run)
    }

    fn stopped(run: Run) -> Event {
        let end = TrainingEnd::Stopped { artifacts: None, max_runtime: false };
        Event::Ended { run, end, metrics: Metrics::new() }
    }

    fn broke(run: Run, reason: String) -> Event {
        Event::Ended { run, end: TrainingEnd::Failed { reason }, metrics: Metrics::new() }
    }

    async fn work(&self, key: Key, run: Run, stop: watch::Receiver<bool>) -> Event {
        let Some(record) = self.record(&key).await else { return Self::stopped(run) };
        let metrics = Arc::new(Mutex::new(Metrics::new()));
        let recorder = Recorder::new(self, &key);
        let events = self.events(&run, &recorder, &metrics);
        let task = task(&record, run.number);
        let end = self.sagemaker().execution().trainer.run(task, stop, events).await;
        recorder.end().await;
        let metrics = metrics.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Event::Ended { run, end, metrics }
    }
}

impl TrainingJobs {
    /// The record of a job that is about to run. A store that fails for a while is waited for.
    async fn record(&self, key: &Key) -> Option<Record> {
        let env = self.sagemaker().env();
        let mut pause = Duration::from_secs(1);
        loop {
            match env.store.record(key).await {
                Ok(record) => return record,
                Err(error) => {
                    let job = &key.name;
                    tracing::error!(job, %error, "the record of a training job cannot be read; trying again");
                }
            }
            env.wall.sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(60));
        }
    }

    fn events(&self, run: &Run, recorder: &Recorder<Event>, metrics: &Arc<Mutex<Metrics>>) -> TrainingEvents {
        let (run, clock) = (run.clone(), self.sagemaker().env().sim.clone());
        let (take, metrics) = (recorder.take(), Arc::clone(metrics));
        Arc::new(move |event| {
            let mut metrics = metrics.lock().unwrap_or_else(PoisonError::into_inner);
            match event {
                // Written with the next change of status: a job may log thousands of values.
                TrainingEvent::Metric { name, value, at } => {
                    metrics.insert(name, (value, at));
                }
                TrainingEvent::Secondary { status, message } => {
                    let at = clock.now().as_millisecond();
                    take(Event::Secondary { run: run.clone(), status, message, at, metrics: metrics.clone() });
                }
            }
        })
    }
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
