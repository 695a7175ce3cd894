//! Long operations as state machines: `(state, event, now) → (state, effects)`.
//!
//! The state is kept in the resource's record and written in one commit with what the record shows. Effects are carried
//! out after the commit and tell their outcome as further events. A process that dies between the two loses nothing: the
//! next one tells each machine that is not at rest that it was restarted, and the machine asks for its effects again.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use sagewright_cloud_core::api::ApiError;
use sagewright_cloud_core::records::{Batch, CommitError, Key, Record, Versioned, Write};
use serde::de::DeserializeOwned;
use serde::{Deserialize as _, Serialize};
use serde_json::json;

use crate::SageMaker;
use crate::kind::Kind;
use crate::resource::{HIDDEN, fields, first_timer, hidden, statuses};
use crate::state::{DELETED, ResumeError};

/// Member of a record's hidden members where its machine's state is.
const STATE: &str = "state";

/// What an event leads to.
pub struct Next<S, E> {
    /// The state from now on. `None`: the resource is gone.
    pub state: Option<S>,
    /// What is to be done once the state is written, each in a task of its own.
    pub effects: Vec<E>,
}

impl<S, E> Next<S, E> {
    /// A state with nothing to do.
    pub const fn quiet(state: S) -> Self {
        Self { state: Some(state), effects: Vec::new() }
    }

    /// A state with one thing to do.
    pub fn with(state: S, effect: E) -> Self {
        Self { state: Some(state), effects: vec![effect] }
    }
}

/// The long operations of one kind of resource.
#[async_trait]
pub trait Machine: Clone + Send + Sync + 'static {
    /// The kind.
    const KIND: Kind;
    /// What is kept. It holds all that [`Machine::step`] decides by.
    type State: Serialize + DeserializeOwned + Send;
    /// What happens: requests, outcomes of effects, restarts.
    type Event: Send + Sync;
    /// What is done outside the state.
    type Effect: Send;

    /// The SageMaker that the resources are part of.
    fn sagemaker(&self) -> &SageMaker;

    /// Decides. Pure; `now` is in milliseconds since 1970. An event of an earlier run changes nothing.
    ///
    /// # Errors
    /// The state does not take the event: the answer to who asked.
    fn step(state: Self::State, event: &Self::Event, now: i64) -> Result<Next<Self::State, Self::Effect>, ApiError>;

    /// Makes the record show the state: its status and the members that answers are made of. Pure.
    ///
    /// # Errors
    /// The record is damaged.
    fn show(state: &Self::State, record: &mut Record, now: i64) -> Result<(), ApiError>;

    /// What is committed together with a state, such as its timers. Pure.
    fn beside(_state: &Self::State, _record: &Record) -> Batch {
        Batch::new()
    }

    /// Does what a step asked for, and tells the machine what came of it.
    async fn act(&self, key: Key, effect: Self::Effect);

    /// The state of a record that has none that can be read, as well as its members tell: an earlier version wrote it, or
    /// it is damaged. What is damaged beyond that has failed: to try it again would change nothing. Pure.
    fn adopt(record: &Record) -> Self::State;

    /// Does what a restart asks for and can be had before the restart is recorded, such as serving on a full disk. What
    /// comes of it is not told: all effects are asked for again when the restart is recorded.
    async fn meanwhile(&self, _key: Key, _effect: Self::Effect) {}
}

/// Inserts a record with its first state, and begins the effects.
///
/// # Errors
/// The name is taken, or the record could not be written.
pub async fn create<M: Machine>(
    machine: &M,
    mut record: Record,
    tags: &[(String, String)],
    first: Next<M::State, M::Effect>,
) -> Result<Record, ApiError>
where
    M::Effect: 'static,
{
    if let Some(state) = &first.state {
        begin::<M>(state, &mut record, machine.sagemaker().now())?;
    }
    let (machine, tags) = (machine.clone(), tags.to_vec());
    let created = to_its_end(async move {
        let (sm, key, created) = (machine.sagemaker().clone(), record.key.clone(), record.created);
        let inserted = sm.insert_record(M::KIND, record.clone(), tags).await;
        let begin = move || {
            for effect in first.effects {
                start(&machine, &record.key, effect);
            }
            record
        };
        match inserted {
            Ok(()) => Ok(begin()),
            Err(error) if error.status < 500 => Err(error),
            Err(error) => {
                let is_written = move |found: Option<&Versioned>| found.is_some_and(|f| f.record.created == created);
                settled(&sm, key, error, is_written, begin).await
            }
        }
    });
    created.await?
}

/// What has come of a commit that was answered with an error. A store that fails may have written all the same: then the
/// operation goes on, at once, or when the store can be read again.
async fn settled<T: Send + 'static>(
    sm: &SageMaker,
    key: Key,
    error: ApiError,
    is_written: impl Fn(Option<&Versioned>) -> bool + Send + 'static,
    go_on: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ApiError> {
    match sm.env().store.get(&key).await {
        Ok(found) if is_written(found.as_ref()) => Ok(go_on()),
        Ok(_) => Err(error),
        Err(_) => {
            let sm = sm.clone();
            tokio::spawn(async move {
                let read = || -> BoxFuture<'_, Result<Option<Versioned>, ApiError>> {
                    Box::pin(async { Ok(sm.env().store.get(&key).await?) })
                };
                if persist(&sm, &key, read).await.is_some_and(|found| is_written(found.as_ref())) {
                    drop(go_on());
                }
            });
            Err(error)
        }
    }
}

/// Does work in a task of its own. Whoever waits for a change may be dropped, and must not leave a state behind whose effects
/// never began.
async fn to_its_end<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> Result<T, ApiError> {
    tokio::spawn(work).await.map_err(|error| ApiError::internal(format!("a change broke off: {error}")))
}

/// Puts the first state into a record that is about to be inserted.
///
/// # Errors
/// The record has no members.
pub fn begin<M: Machine>(state: &M::State, record: &mut Record, now: i64) -> Result<(), ApiError> {
    M::show(state, record, now)?;
    hidden(fields(record)?).insert(STATE.to_owned(), json!(state));
    Ok(())
}

/// The state of a record's machine.
pub fn state<M: Machine>(record: &Record) -> M::State {
    M::State::deserialize(&record.body[HIDDEN][STATE]).unwrap_or_else(|_| M::adopt(record))
}

/// Tells a machine an event: writes the state that follows, then begins its effects. `None` where there is no such
/// resource. A restart that is not recorded yet is recorded first.
///
/// # Errors
/// The machine does not take the event, or the state could not be written.
pub async fn tell<M: Machine>(machine: &M, key: &Key, event: &M::Event) -> Result<Option<Record>, ApiError> {
    machine.sagemaker().unrecorded().record(key).await?;
    told(machine, key, event).await
}

async fn told<M: Machine>(machine: &M, key: &Key, event: &M::Event) -> Result<Option<Record>, ApiError> {
    let sm = machine.sagemaker();
    loop {
        let Some(found) = sm.env().store.get(key).await? else { return Ok(None) };
        let (mut record, version, now) = (found.record, found.version, sm.now());
        let before = statuses(M::KIND, &record);
        let Next { state, effects } = M::step(self::state::<M>(&record), event, now)?;
        let gone = state.is_none();
        let mut batch = Batch::new();
        match &state {
            Some(state) => {
                begin::<M>(state, &mut record, now)?;
                batch.push(Write::Replace(Versioned { record: record.clone(), version }));
                batch.extend(sm.news_since(M::KIND, &before, &record));
                batch.extend(M::beside(state, &record));
            }
            // At once, without a last write of the record.
            None => {
                batch.push(Write::Delete { key: key.clone(), version: Some(version) });
                batch.extend(sm.news(M::KIND, &record, DELETED));
                DELETED.clone_into(&mut record.status);
            }
        }
        let (machine, key, due) = (machine.clone(), key.clone(), first_timer(&batch));
        let after = state.map(|state| json!(state));
        let written = to_its_end(async move {
            let sm = machine.sagemaker().clone();
            let _guard = if gone { Some(sm.exclusive().await) } else { None };
            let committed = sm.env().store.commit(batch).await;
            let (of, told) = (key.clone(), sm.clone());
            let begin = move || {
                told.committed(due);
                for effect in effects {
                    start(&machine, &of, effect);
                }
            };
            match committed {
                Ok(()) => begin(),
                Err(CommitError::Conflict(_)) => return Ok::<bool, ApiError>(false),
                Err(CommitError::Store(error)) => {
                    let is_written = move |found: Option<&Versioned>| match found {
                        Some(found) => {
                            found.version != version && Some(&found.record.body[HIDDEN][STATE]) == after.as_ref()
                        }
                        None => after.is_none(),
                    };
                    settled(&sm, key, error.into(), is_written, begin).await?;
                }
            }
            Ok(true)
        });
        if written.await?? {
            return Ok(Some(record));
        }
    }
}

/// Begins an effect.
pub fn start<M: Machine>(machine: &M, key: &Key, effect: M::Effect)
where
    M::Effect: 'static,
{
    let (machine, key) = (machine.clone(), key.clone());
    tokio::spawn(async move { machine.act(key, effect).await });
}

/// Restarts that could not be recorded, as on a full disk. No later event overtakes one.
#[derive(Default)]
pub(crate) struct Unrecorded(tokio::sync::Mutex<HashMap<Key, Restart>>);

type Restart = Box<dyn Fn() -> BoxFuture<'static, Result<(), ApiError>> + Send + Sync>;

impl Unrecorded {
    /// Records the restart of a resource, if that is still to be done.
    async fn record(&self, key: &Key) -> Result<(), ApiError> {
        let mut restarts = self.0.lock().await;
        let Some(restart) = restarts.get(key) else { return Ok(()) };
        match restart().await {
            Err(error) if error.status >= 500 && !error.lasting => return Err(error),
            Err(error) => tracing::warn!(resource = key.name, error = error.message, "a restart is not recorded"),
            Ok(()) => {}
        }
        restarts.remove(key);
        Ok(())
    }
}

/// Tells a machine what must not be lost, until it is written: a resource that stays in progress would mislead for ever,
/// so a disk that is full for a while is waited for. An event that the machine does not take is dropped. Answers the
/// record as it was written.
pub async fn insist<M: Machine>(machine: &M, key: &Key, event: &M::Event) -> Option<Record> {
    persist(machine.sagemaker(), key, || Box::pin(tell(machine, key, event))).await.flatten()
}

/// Writes until it is written or refused, or cannot be written in any time to come.
async fn persist<'a, T>(
    sm: &SageMaker,
    key: &Key,
    write: impl Fn() -> BoxFuture<'a, Result<T, ApiError>> + Send + Sync,
) -> Option<T> {
    let mut pause = Duration::from_secs(1);
    loop {
        let error = match write().await {
            Ok(written) => return Some(written),
            Err(error) => error,
        };
        let (resource, text) = (&key.name, error.message);
        if error.status < 500 {
            tracing::warn!(resource, error = text, "what came of an operation is not recorded");
            return None;
        }
        if error.lasting {
            tracing::error!(resource, error = text, "what came of an operation cannot be recorded");
            return None;
        }
        tracing::error!(resource, error = text, "what came of an operation cannot be recorded; trying again");
        sm.env().wall.sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(60));
    }
}

/// Tells each machine that the last process left in one of these statuses that it was restarted, oldest first.
///
/// # Errors
/// The records could not be read.
pub async fn resume<M: Machine>(
    machine: &M,
    statuses: &[&str],
    restarted: impl Fn(&Record) -> M::Event,
) -> Result<(), ResumeError>
where
    M::Event: 'static,
    M::Effect: 'static,
{
    let sm = machine.sagemaker();
    // All are found before the first is told: one that settles at once must not be found again.
    let mut found = Vec::new();
    for status in statuses {
        found.extend(sm.env().store.with_status(M::KIND.as_str(), status).await?);
    }
    found.sort_by_key(|record| record.created);
    for record in found {
        let event = restarted(&record);
        if let Err(error) = tell(machine, &record.key, &event).await {
            // On a full disk the cloud starts all the same, so that room can be made through it.
            tracing::warn!(
                resource = record.arn,
                error = error.message,
                "a restart could not be recorded; trying again"
            );
            record_later(machine, record, event).await;
        }
    }
    Ok(())
}

/// Does what can be done without the disk, and records a restart when it can be.
async fn record_later<M: Machine>(machine: &M, record: Record, event: M::Event)
where
    M::Event: 'static,
    M::Effect: 'static,
{
    let key = record.key.clone();
    let next = M::step(state::<M>(&record), &event, machine.sagemaker().now());
    for effect in next.map(|next| next.effects).unwrap_or_default() {
        let (machine, key) = (machine.clone(), key.clone());
        tokio::spawn(async move { machine.meanwhile(key, effect).await });
    }
    let sm = machine.sagemaker().clone();
    let (machine, event, restarted) = (machine.clone(), Arc::new(event), key.clone());
    let restart: Restart = Box::new(move || {
        let (machine, event, key) = (machine.clone(), Arc::clone(&event), restarted.clone());
        Box::pin(async move { told(&machine, &key, &event).await.map(|_| ()) })
    });
    sm.unrecorded().0.lock().await.insert(key.clone(), restart);
    tokio::spawn(async move { persist(&sm, &key, || Box::pin(sm.unrecorded().record(&key))).await });
}
