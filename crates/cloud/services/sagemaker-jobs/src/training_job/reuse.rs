//! How a job comes by the warm pool of an earlier one, and how pools end.

use std::sync::Arc;
use std::time::Duration;

use sagewright_cloud_core::api::ApiError;
use sagewright_cloud_core::records::{CommitError, Filter, Key, Order, Query, Record, StoreError, Timer, Write};
use sagewright_cloud_core::timers::Timers;
use sagewright_cloud_sagemaker_base::machine::{self, insist, tell};
use sagewright_cloud_sagemaker_base::{Kind, Run, SageMaker};

use super::machine::{Event, State, TrainingJobs};
use super::pool::{KIND, OWNER};
use crate::job::Job as _;

/// How long is waited for a store that cannot be read.
const AGAIN: Duration = Duration::from_secs(1);

impl TrainingJobs {
    /// Before a run begins: takes over the warm pool of an earlier job that is like this one, where there is one. A process that
    /// dies in between leaves a job that starts with instances of its own.
    pub(super) async fn look_for_instances(&self, key: &Key, run: &Run) {
        let record = loop {
            match self.0.env().store.record(key).await {
                Ok(Some(record)) => break record,
                Ok(None) => return,
                Err(error) if error.is_lasting() => {
                    return tracing::error!(job = key.name, %error, "the job starts without a warm pool");
                }
                // Without this the job would leave no pool either.
                Err(error) => {
                    tracing::warn!(job = key.name, %error, "the job waits for its state to be read");
                    self.0.env().wall.sleep(AGAIN).await;
                }
            }
        };
        let state = machine::state::<Self>(&record);
        let Some(pool) = state.pool.as_ref().filter(|pool| pool.looks() && Self::life(&state).works(run)) else {
            return;
        };
        let name = record.body["TrainingJobName"].as_str().unwrap_or(&key.name);
        let pooled = match self.take_over(key, name, &pool.likeness).await {
            Ok(pooled) => pooled,
            Err(error) => {
                tracing::warn!(job = key.name, error = error.message, "the job starts without a warm pool");
                None
            }
        };
        if pooled.is_some() || pool.keeps() {
            insist(self, key, &Event::Launched { run: run.clone(), pooled }).await;
        }
    }

    /// Takes over the pool that was left first. Answers when its instances were launched.
    async fn take_over(&self, key: &Key, name: &str, likeness: &str) -> Result<Option<i64>, ApiError> {
        let store = &self.0.env().store;
        loop {
            let query = Query {
                filters: vec![Filter::NameStarts(format!("{likeness}/"))],
                order: Order::Created,
                limit: 1,
                ..Query::all(&key.account, &key.region, KIND)
            };
            let Some(offer) = store.find(query).await?.pop().map(|found| found.record) else { return Ok(None) };
            let text = |member: &str| offer.body[member].as_str().unwrap_or_default().to_owned();
            let owner = Key { name: text("name"), ..key.clone() };
            let told = tell(self, &owner, &Event::Reused { job: text("job"), by: name.to_owned() }).await?;
            let pool = told.map(|record| machine::state::<Self>(&record)).and_then(|state: State| state.pool);
            if let Some(pool) = pool.filter(|pool| pool.is_used_by(name)) {
                return Ok(Some(pool.born()));
            }
            // What it belongs to is gone or damaged, if nobody else was faster.
            self.withdraw(&offer).await?;
        }
    }

    async fn withdraw(&self, offer: &Record) -> Result<(), ApiError> {
        let store = &self.0.env().store;
        // A later job of the same name may offer another one by now.
        let Some(found) = store.get(&offer.key).await?.filter(|found| found.record.body == offer.body) else {
            return Ok(());
        };
        match store.commit(vec![Write::Delete { key: offer.key.clone(), version: Some(found.version) }]).await {
            Ok(()) | Err(CommitError::Conflict(_)) => Ok(()),
            Err(CommitError::Store(error)) => Err(error.into()),
        }
    }
}

/// Adds the timers of training jobs.
#[must_use]
pub fn timers(sm: &SageMaker, timers: Timers) -> Timers {
    let owner = sm.clone();
    let due = move |timer| {
        let sm = owner.clone();
        Box::pin(async move { expire(&sm, timer).await }) as _
    };
    timers.owner(OWNER, Arc::new(due))
}

/// Ends a pool that was to be kept until now.
async fn expire(sm: &SageMaker, timer: Timer) -> Result<(), StoreError> {
    let text = |member: &str| timer.body[member].as_str().unwrap_or_default().to_owned();
    let key = Key::new(&text("account"), &text("region"), Kind::TRAINING_JOB.as_str(), &text("name"));
    let event = Event::PoolExpired { job: text("job"), due: timer.scheduled() };
    match tell(&TrainingJobs(sm.clone()), &key, &event).await {
        Err(error) if !error.lasting => return Err(StoreError::Refused(error.message)),
        // To try it again would change nothing.
        Err(error) => tracing::error!(job = key.name, error = error.message, "a warm pool cannot be ended"),
        Ok(_) => {}
    }
    // One that ended otherwise has cancelled it already.
    match sm.env().store.commit(vec![Write::CancelTimer { id: timer.id, due: timer.due }]).await {
        Err(CommitError::Store(error)) => Err(error),
        _ => Ok(()),
    }
}
