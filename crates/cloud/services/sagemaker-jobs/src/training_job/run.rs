//! One run of a training job: from its record to the trainer, and back.

use std::sync::{Arc, Mutex, PoisonError};

use std::time::Duration;

use async_trait::async_trait;
use sagewright_cloud_core::records::Key;
use sagewright_cloud_sagemaker_base::machine::{self, Machine as _};
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
        Event::Ended { run, end, metrics: Metrics::new(), took: Duration::ZERO }
    }

    fn broke(run: Run, reason: String) -> Event {
        Event::Ended { run, end: TrainingEnd::Failed { reason }, metrics: Metrics::new(), took: Duration::ZERO }
    }

    fn overdue(job: &str) -> Option<Event> {
        Some(Event::Overdue(job.to_owned()))
    }

    fn spent(state: &State) -> Duration {
        state.spent()
    }

    async fn work(&self, key: Key, run: Run, stop: watch::Receiver<bool>) -> Event {
        self.look_for_instances(&key, &run).await;
        let Some(mut task) = task(self, &key, &run).await else { return Self::stopped(run) };
        task.interrupted = self.sagemaker().scheduler().interruption(&run);
        let wall = Arc::clone(&self.sagemaker().env().wall);
        let begun = wall.now();
        let metrics = Arc::new(Mutex::new(Metrics::new()));
        let recorder = Recorder::new(self, &key);
        let events = self.events(&key, &run, &recorder, &metrics);
        self.sagemaker().observers().tell(&key, Seen::Begun);
        let end = self.sagemaker().execution().executors.training.run(task, stop.clone(), events).await;
        recorder.end().await;
        let metrics = metrics.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let took = Duration::try_from(wall.now().duration_since(begun)).unwrap_or_default();
        self.pause(&key, &run, &end, stop).await;
        Event::Ended { run, end, metrics, took }
    }
}

/// The longest pause before a run that is tried again, by the machine's clock.
const LONGEST_PAUSE: u64 = 60;

impl TrainingJobs {
    /// Waits before a run that failed for an error of the service is tried again: what passes, as a full disk, passes in time,
    /// and all attempts would be gone in a moment.
    async fn pause(&self, key: &Key, run: &Run, end: &TrainingEnd, mut stop: watch::Receiver<bool>) {
        let store = &self.sagemaker().env().store;
        let tried = match store.record(key).await {
            Ok(Some(record)) => machine::state::<Self>(&record).tries_again(run, end),
            _ => false,
        };
        if tried {
            let exponent = u32::try_from(run.number.saturating_sub(1)).unwrap_or(u32::MAX);
            let pause = 2u64.checked_pow(exponent).map_or(LONGEST_PAUSE, |seconds| seconds.min(LONGEST_PAUSE));
            tokio::select! {
                () = self.sagemaker().env().wall.sleep(Duration::from_secs(pause)) => {}
                _ = stop.wait_for(|stop| *stop) => {}
            }
        }
    }

    /// The event of spot instances that are taken away.
    pub(crate) fn interrupt_requested() -> Event {
        Event::InterruptRequested
    }

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
