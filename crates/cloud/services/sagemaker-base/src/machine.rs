//! Long operations as state machines: `(state, event, now) → (state, effects)`.
//!
//! The state is kept in the resource's record and written in one commit with what the record shows. Effects are carried
//! out after the commit and tell their outcome as further events. A process that dies between the two loses nothing: the
//! next one tells each machine that is not at rest that it was restarted, and the machine asks for its effects again.

use std::time::Duration;

use async_trait::async_trait;
use sagewright_cloud_core::api::ApiError;
use sagewright_cloud_core::store::{Key, Record};
use serde::de::DeserializeOwned;
use serde::{Deserialize as _, Serialize};
use serde_json::json;

use crate::SageMaker;
use crate::kind::Kind;
use crate::resource::{HIDDEN, fields, hidden};
use crate::state::ResumeError;

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

    /// Does what a step asked for, and tells the machine what came of it.
    async fn act(&self, key: Key, effect: Self::Effect);
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
///
/// # Errors
/// The record is damaged.
pub fn state<M: Machine>(record: &Record) -> Result<M::State, ApiError> {
    M::State::deserialize(&record.body[HIDDEN][STATE]).map_err(|e| {
        ApiError::internal(format!("the stored {} is damaged: {e}; `sagewright local reset` starts over", record.arn))
    })
}

/// Tells a machine an event: writes the state that follows, then begins its effects. `None` where there is no such
/// resource.
///
/// # Errors
/// The machine does not take the event, or the state could not be written.
pub async fn tell<M: Machine>(machine: &M, key: &Key, event: &M::Event) -> Result<Option<Record>, ApiError> {
    let sm = machine.sagemaker();
    let now = sm.now();
    let told = sm
        .change(M::KIND, key, |record| {
            let Next { state, effects } = M::step(self::state::<M>(record)?, event, now)?;
            if let Some(state) = &state {
                begin::<M>(state, record, now)?;
            }
            Ok((state.is_none().then(|| record.arn.clone()), effects, record.clone()))
        })
        .await?;
    let Some((gone, effects, record)) = told else { return Ok(None) };
    if let Some(arn) = gone {
        match sm.remove(M::KIND, key, &arn).await {
            // Gone already is as good.
            Err(error) if error.code == "ValidationException" => {}
            other => other?,
        }
        sm.emit(M::KIND, &arn, "Deleted");
    }
    for effect in effects {
        start(machine, key, effect);
    }
    Ok(Some(record))
}

/// Begins an effect.
pub fn start<M: Machine>(machine: &M, key: &Key, effect: M::Effect)
where
    M::Effect: 'static,
{
    let (machine, key) = (machine.clone(), key.clone());
    tokio::spawn(async move { machine.act(key, effect).await });
}

/// Tells a machine what must not be lost, until it is written: a resource that stays in progress would mislead for ever,
/// so a disk that is full for a while is waited for. An event that the machine does not take is dropped.
pub async fn insist<M: Machine>(machine: &M, key: &Key, event: &M::Event) {
    let mut pause = Duration::from_secs(1);
    while let Err(error) = tell(machine, key, event).await {
        let (resource, text) = (&key.name, error.message);
        if error.status < 500 {
            tracing::warn!(resource, error = text, "what came of an operation is not recorded");
            return;
        }
        tracing::error!(resource, error = text, "what came of an operation cannot be recorded; trying again");
        machine.sagemaker().env().wall.sleep(pause).await;
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
) -> Result<(), ResumeError> {
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
            let (machine, key) = (machine.clone(), record.key);
            tokio::spawn(async move { insist(&machine, &key, &event).await });
        }
    }
    Ok(())
}
