//! Training jobs as a state machine. All decisions are in `step`.

use async_trait::async_trait;
use sagewright_cloud_core::api::ApiError;
use sagewright_cloud_core::records::{Key, Record};
use sagewright_cloud_sagemaker_base::machine::{Machine, Next};
use sagewright_cloud_sagemaker_base::{Kind, Outcome, Run, SageMaker, TrainingEnd};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::progress::{Metrics, Progress};
use crate::job::life::{Life, Phase, Restart};
use crate::job::{self, Effect};

/// AWS's name of the kind in texts.
const NOUN: &str = "training job";

/// The training jobs of a SageMaker.
#[derive(Clone)]
pub struct TrainingJobs(pub SageMaker);

/// What is kept of a job beside its request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    pub(super) life: Life,
    progress: Progress,
    /// How often the job is run again when it fails for an error of the service.
    #[serde(default)]
    retries: u64,
    /// Time of the last change.
    changed: i64,
}

/// What happens to a job. Each may be told twice: a store may fail and have written all the same.
#[derive(Debug, Clone)]
pub enum Event {
    /// A slot is free for a run.
    Admitted(Run),
    /// A run entered a secondary status, or has news on the one it is in.
    Secondary { run: Run, status: String, message: String, at: i64, metrics: Metrics },
    /// A run has ended.
    Ended { run: Run, end: TrainingEnd, metrics: Metrics },
    /// A caller stops the job.
    StopRequested,
    /// A caller changes the job, perhaps its profiler.
    Updated { profiler: Option<Value> },
    /// Another process has taken over.
    Restarted,
    /// This process ends in order.
    CloudEnds,
}

/// A new job; `job` tells it from others that had or will have its name.
pub(super) fn first(job: String, artifacts: String, retries: u64, now: i64) -> Next<State, Effect> {
    let state = State { life: Life::new(job), progress: Progress::new(artifacts, now), retries, changed: now };
    let queue = Effect::Queue(state.life.run.clone());
    Next::with(state, queue)
}

impl State {
    fn take(&mut self, event: &Event, now: i64) -> Result<Option<Effect>, ApiError> {
        let before = (self.life.clone(), self.progress.clone());
        let mut at = now;
        let effect = match event {
            Event::Admitted(run) => {
                let again = self.life.works(run);
                let effect = self.life.admit(run);
                if effect.is_some() && !again {
                    self.progress.enter("Starting", "Preparing the instances for training", now);
                }
                effect
            }
            Event::Secondary { run, status, message, at: when, metrics } => {
                // A job that is stopping shows that until it has stopped.
                if self.life.works(run) {
                    self.progress.measure(metrics);
                    self.progress.enter(status, message, *when);
                    at = *when;
                }
                None
            }
            Event::Ended { run, end: TrainingEnd::Failed { reason }, .. }
                if self.retries > 0 && reason.starts_with(job::INTERNAL) && self.life.works(run) =>
            {
                self.retries -= 1;
                self.progress.restart(&format!("Running the job again after an error: {reason}"), now);
                self.life.retry(run)
            }
            Event::Ended { run, end, metrics } => {
                let outcome = self.life.end(run, outcome(end))?;
                self.progress.measure(metrics);
                self.progress.end(&ended(end, outcome), now);
                None
            }
            Event::StopRequested => {
                let effect = self.life.stop(NOUN)?;
                self.progress.enter("Stopping", "Stopping the training job", now);
                Some(effect)
            }
            Event::Updated { profiler } => {
                self.life.in_progress(NOUN)?;
                if let Some(config) = profiler {
                    self.progress.profile(config.clone());
                }
                None
            }
            Event::Restarted => match self.life.restart() {
                Restart::Rests => None,
                Restart::Again(effect) => {
                    self.progress.restart("The embedded cloud was restarted; running the job again", now);
                    Some(effect)
                }
                Restart::Stopped => {
                    self.progress.end(&TrainingEnd::Stopped { artifacts: None, max_runtime: false }, now);
                    None
                }
                Restart::Refused(reason) => {
                    self.progress.end(&TrainingEnd::Failed { reason }, now);
                    None
                }
            },
            Event::CloudEnds => {
                self.life.suspend();
                return Ok(None);
            }
        };
        if (&self.life, &self.progress) != (&before.0, &before.1) {
            // What was told earlier may be recorded later.
            self.changed = self.changed.max(at);
        }
        Ok(effect)
    }
}

fn outcome(end: &TrainingEnd) -> Outcome {
    match end {
        TrainingEnd::Completed { .. } => Outcome::Completed,
        TrainingEnd::Failed { .. } => Outcome::Failed,
        TrainingEnd::Stopped { .. } => Outcome::Stopped,
    }
}

/// A run's end as it counts: of one that was stopped it is kept what it has.
fn ended(end: &TrainingEnd, outcome: Outcome) -> TrainingEnd {
    let stopped = |artifacts| TrainingEnd::Stopped { artifacts, max_runtime: false };
    match (outcome, end) {
        (Outcome::Stopped, TrainingEnd::Completed { artifacts }) => stopped(Some(artifacts.clone())),
        (Outcome::Stopped, TrainingEnd::Failed { .. }) => stopped(None),
        _ => end.clone(),
    }
}

/// A job of which no state can be made out has failed, and is told why.
fn damaged(record: &Record) -> State {
    let changed = record.modified;
    let reason = job::damaged(record);
    let mut life = Life::new(job::id(record));
    let place = ["/ModelArtifacts/S3ModelArtifacts", "/OutputDataConfig/S3OutputPath"];
    let artifacts = place.iter().find_map(|member| record.body.pointer(member)?.as_str()).unwrap_or_default();
    let mut progress = Progress::new(artifacts.to_owned(), changed);
    life.phase = Phase::Ended(Outcome::Failed);
    progress.end(&TrainingEnd::Failed { reason }, changed);
    State { life, progress, retries: 0, changed }
}

#[async_trait]
impl Machine for TrainingJobs {
    const KIND: Kind = Kind::TRAINING_JOB;
    type State = State;
    type Event = Event;
    type Effect = Effect;

    fn sagemaker(&self) -> &SageMaker {
        &self.0
    }

    fn step(mut state: State, event: &Event, now: i64) -> Result<Next<State, Effect>, ApiError> {
        let effects = state.take(event, now)?.into_iter().collect();
        Ok(Next { state: Some(state), effects })
    }

    fn show(state: &State, record: &mut Record, _: i64) -> Result<(), ApiError> {
        state.life.status().clone_into(&mut record.status);
        record.modified = state.changed;
        state.progress.show(record)
    }

    fn adopt(record: &Record) -> State {
        let changed = record.modified;
        match (super::old::life(record), Progress::of(record)) {
            (Some(life), Some(progress)) => State { life, progress, retries: 0, changed },
            _ => damaged(record),
        }
    }

    async fn act(&self, key: Key, effect: Effect) {
        job::act(self, key, effect).await;
    }
}

#[cfg(test)]
mod tests;
