//! One run of a training job: from its record to the trainer, and back.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use sagewright_cloud_core::records::Key;
use sagewright_cloud_sagemaker_base::machine::Machine as _;
use sagewright_cloud_sagemaker_base::observe::Seen;
use sagewright_cloud_sagemaker_base::{Events, Run, TrainingEnd, TrainingEvent};
use tokio::sync::watch;

use super::machine::{Event, State, TrainingJobs};
use super::progress::Metrics;
use crate::job::Job;
use crate::job::life::Life;
use crate::job::recorder::Recorder;
use crate::job::task::task;

#[async_trait]
impl Job for TrainingJobs {
    fn life(state: &State) -> &Life {
        &state.life
    }

    fn stop_requested() -> Event {
        Event::StopRequested
    }

    fn restarted() -> Event {
        Event::Restarted
    }

    fn cloud_ends() -> Event {
        Event::CloudEnds
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
        let Some(task) = task(self, &key, &run).await else { return Self::stopped(run) };
        let metrics = Arc::new(Mutex::new(Metrics::new()));
        let recorder = Recorder::new(self, &key);
        let events = self.events(&key, &run, &recorder, &metrics);
        self.sagemaker().observers().tell(&key, Seen::Begun);
        let end = self.sagemaker().execution().executors.training.run(task, stop, events).await;
        recorder.end().await;
        let metrics = metrics.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Event::Ended { run, end, metrics }
    }
}

impl TrainingJobs {
    fn events(
        &self,
        key: &Key,
        run: &Run,
        recorder: &Recorder<Event>,
        metrics: &Arc<Mutex<Metrics>>,
    ) -> Events<TrainingEvent> {
        let (key, run, sm) = (key.clone(), run.clone(), self.sagemaker().clone());
        let (take, metrics) = (recorder.take(), Arc::clone(metrics));
        let clock = sm.env().sim.clone();
        Arc::new(move |event| {
            let mut metrics = metrics.lock().unwrap_or_else(PoisonError::into_inner);
            match event {
                // Written with the next change of status: a job may log thousands of values.
                TrainingEvent::Metric { name, value, at } => {
                    sm.observers().tell(&key, Seen::Value(&name, value));
                    metrics.insert(name, (value, at));
                }
                TrainingEvent::MetricOfOtherHost { name, value, at } => drop(metrics.insert(name, (value, at))),
                TrainingEvent::Secondary { status, message } => {
                    let at = clock.now().as_millisecond();
                    take(Event::Secondary { run: run.clone(), status, message, at, metrics: metrics.clone() });
                }
            }
        })
    }
}
