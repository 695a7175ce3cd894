//! Jobs that show their status, their times and what their last run leaves: the whole machine, the same for all such
//! kinds. All decisions are in `step`.

use std::marker::PhantomData;
use std::sync::Arc;

use async_trait::async_trait;
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::{Key, Record};
use sagewright_cloud_sagemaker_base::machine::{self, Machine, Next};
use sagewright_cloud_sagemaker_base::resource::{cut, epoch_seconds as seconds, fields};
use sagewright_cloud_sagemaker_base::{Executor, Executors, JobEnd, JobEvent, Kind, Outcome, Run, SageMaker};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::sync::watch;

use super::life::{Life, Phase, Restart};
use super::recorder::Recorder;
use super::task::task;
use super::{Effect, Job};

/// What is particular to a kind of such jobs.
pub trait Plain: Sized + 'static {
    /// The kind.
    const KIND: Kind;
    /// AWS's name of it in texts.
    const NOUN: &'static str;
    /// Member that holds the time of a run's start.
    const STARTED: &'static str;
    /// Member that holds the time of the end.
    const ENDED: &'static str;

    /// What runs them.
    fn executor(executors: &Executors) -> &dyn Executor<JobEvent, JobEnd>;
}

/// The jobs of one kind of a SageMaker.
pub struct Jobs<K>(SageMaker, PhantomData<fn() -> K>);

impl<K> Jobs<K> {
    pub fn new(sagemaker: &SageMaker) -> Self {
        Self(sagemaker.clone(), PhantomData)
    }
}

impl<K> Clone for Jobs<K> {
    fn clone(&self) -> Self {
        Self::new(&self.0)
    }
}

/// What is kept of a job beside its request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    life: Life,
    started: Option<f64>,
    ended: Option<f64>,
    reason: Option<String>,
    /// What else the last run's end shows, by AWS's names.
    shows: Map<String, Value>,
    /// Time of the last change.
    changed: i64,
}

/// What happens to a job. Each may be told twice: a store may fail and have written all the same.
#[derive(Debug, Clone)]
pub enum Event {
    /// A slot is free for a run.
    Admitted(Run),
    /// A run's containers start.
    Started { run: Run, at: i64 },
    /// A run has ended.
    Ended { run: Run, end: JobEnd },
    /// A caller stops the job.
    StopRequested,
    /// Another process has taken over.
    Restarted,
    /// This process ends in order.
    CloudEnds,
}

/// A new job; `job` tells it from others that had or will have its name.
fn first(job: String, now: i64) -> Next<State, Effect> {
    let life = Life::new(job);
    let queue = Effect::Queue(life.run.clone());
    Next::with(State { life, started: None, ended: None, reason: None, shows: Map::new(), changed: now }, queue)
}

/// Records a new job and begins its run.
///
/// # Errors
/// The name is taken.
pub async fn create<K: Plain>(
    sm: &SageMaker,
    call: &Call,
    name: &str,
    stored: Map<String, Value>,
    tags: &[(String, String)],
) -> Result<Value, ApiError> {
    let first = first(uuid::Uuid::new_v4().to_string(), call.now.as_millisecond());
    let record = SageMaker::record(call, K::KIND, name, "", stored);
    let record = machine::create(&Jobs::<K>::new(sm), record, tags, first).await?;
    Ok(json!({ K::KIND.arn_member(): record.arn }))
}

impl State {
    fn take(&mut self, event: &Event, noun: &str, now: i64) -> Result<Option<Effect>, ApiError> {
        let before = self.clone();
        let mut at = now;
        let effect = match event {
            Event::Admitted(run) => self.life.admit(run),
            Event::Started { run, at: when } => {
                if self.life.works(run) {
                    self.started = Some(seconds(*when));
                    at = *when;
                }
                None
            }
            Event::Ended { run, end } => {
                let outcome = self.life.end(run, end.outcome)?;
                self.end(&JobEnd { outcome, ..end.clone() }, now);
                None
            }
            Event::StopRequested => Some(self.life.stop(noun)?),
            Event::Restarted => match self.life.restart() {
                Restart::Rests => None,
                Restart::Again(effect) => {
                    self.started = None;
                    Some(effect)
                }
                Restart::Stopped => {
                    self.end(&JobEnd::new(Outcome::Stopped), now);
                    None
                }
                Restart::Refused(reason) => {
                    self.end(&JobEnd::failed(reason), now);
                    None
                }
            },
            Event::CloudEnds => {
                self.life.suspend();
                return Ok(None);
            }
        };
        if *self != before {
            // What was told earlier may be recorded later.
            self.changed = self.changed.max(at);
        }
        Ok(effect)
    }

    fn end(&mut self, end: &JobEnd, now: i64) {
        self.ended = Some(seconds(now));
        // A job that was stopped did not fail, whatever its program made of that.
        self.reason = end.reason.as_deref().filter(|_| end.outcome == Outcome::Failed).map(|r| cut(r).to_owned());
        self.shows.clone_from(&end.shows);
    }
}

#[async_trait]
impl<K: Plain> Machine for Jobs<K> {
    const KIND: Kind = K::KIND;
    type State = State;
    type Event = Event;
    type Effect = Effect;

    fn sagemaker(&self) -> &SageMaker {
        &self.0
    }

    fn step(mut state: State, event: &Event, now: i64) -> Result<Next<State, Effect>, ApiError> {
        let effects = state.take(event, K::NOUN, now)?.into_iter().collect();
        Ok(Next { state: Some(state), effects })
    }

    fn show(state: &State, record: &mut Record, _: i64) -> Result<(), ApiError> {
        state.life.status().clone_into(&mut record.status);
        record.modified = state.changed;
        let members = [
            (K::STARTED, json!(state.started)),
            (K::ENDED, json!(state.ended)),
            ("FailureReason", json!(state.reason)),
        ];
        let stored = fields(record)?;
        for (member, value) in members {
            match value {
                Value::Null => stored.shift_remove(member),
                value => stored.insert(member.to_owned(), value),
            };
        }
        stored.extend(state.shows.clone());
        Ok(())
    }

    /// No earlier version recorded such jobs: what cannot be read is damaged.
    fn adopt(record: &Record) -> State {
        let changed = record.modified;
        let mut life = Life::new(super::id(record));
        life.phase = Phase::Ended(Outcome::Failed);
        let mut state = State { life, started: None, ended: None, reason: None, shows: Map::new(), changed };
        state.end(&JobEnd::failed(super::damaged(record)), changed);
        state
    }

    async fn act(&self, key: Key, effect: Effect) {
        super::act(self, key, effect).await;
    }
}

#[async_trait]
impl<K: Plain> Job for Jobs<K> {
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
        Event::Ended { run, end: JobEnd::new(Outcome::Stopped) }
    }

    fn broke(run: Run, reason: String) -> Event {
        Event::Ended { run, end: JobEnd::failed(reason) }
    }

    async fn work(&self, key: Key, run: Run, stop: watch::Receiver<bool>) -> Event {
        let Some(task) = task(self, &key, &run).await else { return Self::stopped(run) };
        let recorder = Recorder::new(self, &key);
        let (take, at_work, clock) = (recorder.take(), run.clone(), self.0.env().sim.clone());
        let events = Arc::new(move |event| match event {
            JobEvent::Started => take(Event::Started { run: at_work.clone(), at: clock.now().as_millisecond() }),
        });
        let end = K::executor(&self.0.execution().executors).run(task, stop, events).await;
        recorder.end().await;
        Event::Ended { run, end }
    }
}

#[cfg(test)]
mod tests;
