//! Training jobs as a state machine. All decisions are in `step`.

use std::time::Duration;

use async_trait::async_trait;
use sagewright_cloud_core::api::ApiError;
use sagewright_cloud_core::records::{Batch, Key, Record};
use sagewright_cloud_sagemaker_base::machine::{Machine, Next};
use sagewright_cloud_sagemaker_base::resource::fields;
use sagewright_cloud_sagemaker_base::{Kind, Outcome, Run, SageMaker, TrainingEnd};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::pool::{self, Pool};
use super::progress::{Metrics, OVERDUE, Progress, Terms};
use crate::job::life::{Life, Phase, Restart};
use crate::job::{self, Effect};

/// AWS's name of the kind in texts.
const NOUN: &str = "training job";
/// What a job is told whose spot instances were taken away.
const INTERRUPTED: &str = "The job stopped because the managed spot training instances were interrupted";

/// Secondary statuses of a run after which there is none.
const ENDING: [&str; 2] = ["Stopping", "Uploading"];

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
    /// How long the runs before this one took, by the machine's clock, in milliseconds.
    #[serde(default)]
    spent: u64,
    /// Of a job on spot instances.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    spot: Option<Spot>,
    /// Of a job that may use or leave a warm pool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) pool: Option<Pool>,
    /// What is to be committed with this state.
    #[serde(skip)]
    pooled: Vec<pool::Change>,
    /// Time of the last change.
    changed: i64,
}

/// What is particular to a job on spot instances.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Spot {
    /// When it has waited and run too long: milliseconds since 1970, by the machine's clock.
    deadline: i64,
    /// Its instances are being taken away.
    interrupted: bool,
    /// It has waited and run too long.
    overdue: bool,
}

/// What a job is created with.
#[derive(Debug, Default)]
pub struct Setting {
    /// Tells it from others that had or will have its name.
    pub job: String,
    /// Where its model will be.
    pub artifacts: String,
    /// How often it is run again when it fails for an error of the service.
    pub retries: u64,
    /// Of a spot job: when it has waited and run too long, by the machine's clock.
    pub deadline: Option<i64>,
    /// Of a job that may use or leave a warm pool.
    pub pool: Option<Pool>,
    /// Names of the debugger's rules.
    pub debugger_rules: Vec<String>,
    /// Names of the profiler's rules.
    pub profiler_rules: Vec<String>,
}

/// What happens to a job. Each may be told twice: a store may fail and have written all the same.
#[derive(Debug, Clone)]
pub enum Event {
    /// A slot is free for a run.
    Admitted(Run),
    /// A run has its instances, those of a warm pool that was launched at a time, or others.
    Launched { run: Run, pooled: Option<i64> },
    /// A run entered a secondary status, or has news on the one it is in.
    Secondary { run: Run, status: String, message: String, at: i64, metrics: Metrics },
    /// A run has ended, after so long by the machine's clock.
    Ended { run: Run, end: TrainingEnd, metrics: Metrics, took: Duration },
    /// A caller stops the job.
    StopRequested,
    /// Somebody takes the spot instances away.
    InterruptRequested,
    /// The job of this id has waited and run too long.
    Overdue(String),
    /// A caller changes the job.
    Updated { profiler: Option<Value>, rules: Option<Value>, keep_alive: Option<u64> },
    /// A job that is like this one takes over its warm pool.
    Reused { job: String, by: String },
    /// The warm pool of the job of this id was to be kept until now.
    PoolExpired { job: String, due: i64 },
    /// Another process has taken over.
    Restarted,
    /// This process ends in order.
    CloudEnds,
}

/// A new job.
pub(super) fn first(setting: Setting, now: i64) -> Next<State, Effect> {
    let Setting { job, artifacts, retries, deadline, pool, debugger_rules, profiler_rules } = setting;
    let progress = Progress::new(artifacts, now).ruled(&debugger_rules, &profiler_rules, now);
    let spot = deadline.map(|deadline| Spot { deadline, interrupted: false, overdue: false });
    let life = Life::new(job);
    let state = State { life, progress, retries, spent: 0, spot, pool, pooled: Vec::new(), changed: now };
    let effects = state.effects_of_a_start().collect();
    Next { state: Some(state), effects }
}

impl State {
    fn effects_of_a_start(&self) -> impl Iterator<Item = Effect> + use<> {
        let run = self.life.run.clone();
        let alarm = self.spot.as_ref().map(|spot| Effect::Alarm(run.job.clone(), spot.deadline));
        [Effect::Queue(run)].into_iter().chain(alarm)
    }

    /// How long the runs before this one took, by the machine's clock.
    pub(super) fn spent(&self) -> Duration {
        Duration::from_millis(self.spent)
    }

    fn is_interrupted(&self) -> bool {
        self.spot.as_ref().is_some_and(|spot| spot.interrupted)
    }

    fn take(&mut self, event: &Event, now: i64) -> Result<Vec<Effect>, ApiError> {
        let before = (self.life.clone(), self.progress.clone(), self.pool.clone());
        let mut at = now;
        let mut effects = Vec::new();
        self.pooled.clear();
        match event {
            Event::Admitted(run) => {
                let again = self.life.works(run);
                effects.extend(self.life.admit(run));
                if !effects.is_empty() && !again {
                    self.progress.enter("Starting", "Preparing the instances for training", now);
                }
            }
            Event::Launched { run, pooled } => {
                if self.life.works(run)
                    && let Some(pool) = &mut self.pool
                {
                    pool.launch(*pooled, now);
                }
            }
            Event::Secondary { run, status, message, at: when, metrics } => {
                // A job that is stopping or interrupted shows that until it has stopped.
                if self.life.works(run) && !self.is_interrupted() {
                    self.progress.measure(metrics);
                    self.progress.enter(status, message, *when);
                    at = *when;
                }
            }
            Event::Ended { run, end, metrics, took } => effects.extend(self.ended(run, end, metrics, *took, now)?),
            Event::StopRequested => {
                effects.push(self.life.stop(NOUN)?);
                self.progress.enter("Stopping", "Stopping the training job", now);
            }
            Event::InterruptRequested => effects.push(self.interrupt(now)?),
            Event::Overdue(job) => effects.extend(self.overdue(job, now)?),
            Event::Updated { profiler, rules, keep_alive } => {
                if profiler.is_some() || rules.is_some() || keep_alive.is_none() {
                    self.life.in_progress(NOUN)?;
                }
                if let Some(seconds) = keep_alive {
                    let pool = self.pool.as_mut().ok_or_else(pool::none)?;
                    self.pooled.extend(pool.keep(*seconds, now)?);
                }
                self.progress.profile(profiler.clone(), rules.clone(), now);
            }
            Event::Reused { job, by } => {
                if let Some(pool) = self.pool.as_mut().filter(|_| self.life.run.job == *job) {
                    self.pooled.extend(pool.reuse(by, now));
                }
            }
            Event::PoolExpired { job, due } => {
                if let Some(pool) = self.pool.as_mut().filter(|_| self.life.run.job == *job) {
                    self.pooled.extend(pool.expire(*due));
                }
            }
            Event::Restarted => effects.extend(self.restart(now)),
            Event::CloudEnds => {
                self.life.suspend();
                return Ok(effects);
            }
        }
        if (&self.life, &self.progress, &self.pool) != (&before.0, &before.1, &before.2) {
            // What was told earlier may be recorded later.
            self.changed = self.changed.max(at);
        }
        Ok(effects)
    }

    /// A run has ended: with it the job, unless it is to be run again.
    fn ended(
        &mut self,
        run: &Run,
        end: &TrainingEnd,
        metrics: &Metrics,
        took: Duration,
        now: i64,
    ) -> Result<Option<Effect>, ApiError> {
        let again = self.life.works(run).then_some(end);
        let effect = match again {
            Some(TrainingEnd::Interrupted) => {
                self.progress.measure(metrics);
                self.progress.interrupted(now);
                self.life.retry(run)
            }
            Some(end @ TrainingEnd::Failed { reason }) if self.tries_again(run, end) => {
                self.retries -= 1;
                self.progress.restart(&format!("Running the job again after an error: {reason}"), now);
                self.life.retry(run)
            }
            _ => {
                let outcome = self.life.end(run, outcome(end))?;
                self.progress.measure(metrics);
                self.finish(&counted(end, outcome), now);
                None
            }
        };
        self.spent = self.spent.saturating_add(u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
        if let Some(spot) = &mut self.spot {
            spot.interrupted = false;
        }
        Ok(effect)
    }

    /// Whether the job is run again after this end of a run.
    pub(super) fn tries_again(&self, run: &Run, end: &TrainingEnd) -> bool {
        let internal = matches!(end, TrainingEnd::Failed { reason } if reason.starts_with(job::INTERNAL));
        internal && self.retries > 0 && self.life.works(run)
    }

    fn finish(&mut self, end: &TrainingEnd, now: i64) {
        let overdue = self.spot.as_ref().is_some_and(|spot| spot.overdue);
        self.progress.end(end, Terms { overdue, spot: self.spot.is_some() }, now);
        if let Some(pool) = &mut self.pool {
            // Instances that may be broken are not used again.
            let healthy = !matches!(end, TrainingEnd::Failed { reason } if reason.starts_with(job::INTERNAL));
            self.pooled.extend(pool.leave(healthy, now));
        }
    }

    fn interrupt(&mut self, now: i64) -> Result<Effect, ApiError> {
        self.life.in_progress(NOUN)?;
        let refused = |why: &str| Err(ApiError::validation(format!("The request was rejected because {why}")));
        let Some(spot) = &mut self.spot else {
            return refused(
                "the training job is no managed spot training job, which is all that is ever interrupted. Create it with \
                 EnableManagedSpotTraining and StoppingCondition.MaxWaitTimeInSeconds (use_spot_instances and max_wait in the \
                 SageMaker SDK).",
            );
        };
        if self.life.phase == Phase::Waiting {
            return refused(
                "the training job waits for its instances, so that there is nothing to interrupt. Try again when its \
                 secondary status is Training.",
            );
        }
        if spot.interrupted {
            return refused("the training job is being interrupted already.");
        }
        let secondary = self.progress.secondary();
        if ENDING.contains(&secondary) {
            return refused(&format!(
                "the training job has secondary status {secondary}: its program has run for the last time, so that there is \
                 nothing to interrupt."
            ));
        }
        spot.interrupted = true;
        // A cloud that dies from now on has not died over the job.
        self.life.suspend();
        self.progress.enter("Interrupted", INTERRUPTED, now);
        Ok(Effect::Interrupt(self.life.run.clone()))
    }

    fn overdue(&mut self, job: &str, now: i64) -> Result<Option<Effect>, ApiError> {
        let Some(spot) = self.spot.as_mut().filter(|_| self.life.run.job == job) else { return Ok(None) };
        if !matches!(self.life.phase, Phase::Waiting | Phase::Running) {
            return Ok(None);
        }
        spot.overdue = true;
        self.progress.enter("Stopping", OVERDUE, now);
        self.life.stop(NOUN).map(Some)
    }

    fn restart(&mut self, now: i64) -> Vec<Effect> {
        match self.life.restart() {
            Restart::Rests => Vec::new(),
            Restart::Again(_) => {
                match &mut self.spot {
                    Some(spot) if spot.interrupted => {
                        spot.interrupted = false;
                        self.progress.interrupted(now);
                    }
                    _ => self.progress.restart("The embedded cloud was restarted; running the job again", now),
                }
                self.effects_of_a_start().collect()
            }
            Restart::Stopped => {
                self.finish(&TrainingEnd::Stopped { artifacts: None, max_runtime: false }, now);
                Vec::new()
            }
            Restart::Refused(reason) => {
                self.finish(&TrainingEnd::Failed { reason }, now);
                Vec::new()
            }
        }
    }
}

fn outcome(end: &TrainingEnd) -> Outcome {
    match end {
        TrainingEnd::Completed { .. } => Outcome::Completed,
        TrainingEnd::Failed { .. } => Outcome::Failed,
        TrainingEnd::Stopped { .. } | TrainingEnd::Interrupted => Outcome::Stopped,
    }
}

/// A run's end as it counts: of one that was stopped it is kept what it has.
fn counted(end: &TrainingEnd, outcome: Outcome) -> TrainingEnd {
    let stopped = |artifacts| TrainingEnd::Stopped { artifacts, max_runtime: false };
    match (outcome, end) {
        (Outcome::Stopped, TrainingEnd::Completed { artifacts }) => stopped(Some(artifacts.clone())),
        (Outcome::Stopped, TrainingEnd::Failed { .. } | TrainingEnd::Interrupted) => stopped(None),
        _ => end.clone(),
    }
}

/// A job of which no state can be made out has failed, and is told why.
fn damaged(record: &Record) -> State {
    let changed = record.modified;
    let reason = job::damaged(record);
    let place = ["/ModelArtifacts/S3ModelArtifacts", "/OutputDataConfig/S3OutputPath"];
    let artifacts = place.iter().find_map(|member| record.body.pointer(member)?.as_str()).unwrap_or_default();
    let mut state = adopted(Life::new(job::id(record)), Progress::new(artifacts.to_owned(), changed), changed);
    state.life.phase = Phase::Ended(Outcome::Failed);
    state.finish(&TrainingEnd::Failed { reason }, changed);
    state
}

fn adopted(life: Life, progress: Progress, changed: i64) -> State {
    State { life, progress, retries: 0, spent: 0, spot: None, pool: None, pooled: Vec::new(), changed }
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
        let effects = state.take(event, now)?;
        Ok(Next { state: Some(state), effects })
    }

    fn show(state: &State, record: &mut Record, _: i64) -> Result<(), ApiError> {
        state.life.status().clone_into(&mut record.status);
        record.modified = state.changed;
        state.progress.show(record)?;
        match &state.pool {
            Some(pool) => pool.show(fields(record)?),
            None => Ok(()),
        }
    }

    fn beside(state: &State, record: &Record) -> Batch {
        state.pooled.iter().flat_map(|change| change.writes(record, &state.life.run.job)).collect()
    }

    fn adopt(record: &Record) -> State {
        let changed = record.modified;
        match (super::old::life(record), Progress::of(record)) {
            (Some(life), Some(progress)) => adopted(life, progress, changed),
            _ => damaged(record),
        }
    }

    async fn act(&self, key: Key, effect: Effect) {
        job::act(self, key, effect).await;
    }
}

#[cfg(test)]
mod tests;
