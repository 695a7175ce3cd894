//! The scheduler of what is due: timers are kept with the records, so that a restart forgets none.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::Notify;

use crate::clock::SharedClock;
use crate::records::{SharedRecords, StoreError, Timer, Write};

/// Does what a timer stands for, and cancels or sets it anew in the same commit.
pub type Due = Arc<dyn Fn(Timer) -> BoxFuture<'static, Result<(), StoreError>> + Send + Sync>;

/// Timers that are taken at a time.
const TOGETHER: usize = 100;
/// How long a timer waits that could not be done.
const LATER: Duration = Duration::from_secs(60);
/// How long a store waits that failed.
const AGAIN: Duration = Duration::from_secs(1);
/// The longest sleep, so that a clock that is set forward is noticed.
const LONGEST: Duration = Duration::from_secs(60);

/// Wakes a task that waits for work; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Waker(Arc<Notify>);

impl Waker {
    /// There is work: a timer was set that may be due before all others, or an event was kept.
    pub fn wake(&self) {
        self.0.notify_one();
    }

    /// Waits for the next call of [`Waker::wake`], or returns for one that came before.
    pub async fn woken(&self) {
        self.0.notified().await;
    }
}

/// Runs timers. The id of a timer starts with its owner's name and a colon.
pub struct Timers {
    store: SharedRecords,
    clock: SharedClock,
    waker: Waker,
    owners: HashMap<&'static str, Due>,
}

impl Timers {
    /// A scheduler without owners.
    #[must_use]
    pub fn new(store: SharedRecords, clock: SharedClock, waker: Waker) -> Self {
        Self { store, clock, waker, owners: HashMap::new() }
    }

    /// Names who does the timers of an owner.
    #[must_use]
    pub fn owner(mut self, name: &'static str, due: Due) -> Self {
        self.owners.insert(name, due);
        self
    }

    /// Runs timers for ever. Those that were due while no process ran are done first.
    pub async fn run(self) {
        loop {
            let wait = match self.once().await {
                Ok(wait) => wait,
                Err(error) => {
                    tracing::error!(%error, "what is due cannot be read; trying again");
                    Some(AGAIN)
                }
            };
            let sleep = self.clock.sleep(wait.unwrap_or(LONGEST).min(LONGEST));
            tokio::select! {
                () = sleep, if wait.is_some() => {}
                () = self.waker.woken() => {}
            }
        }
    }

    /// Does all that is due; says how long until the next one.
    async fn once(&self) -> Result<Option<Duration>, StoreError> {
        let now = self.clock.now().as_millisecond();
        for timer in self.store.due(now, TOGETHER).await? {
            let id = timer.id.clone();
            let owner = id.split(':').next().unwrap_or_default();
            let done = match self.owners.get(owner) {
                Some(due) => due(timer.clone()).await.map_err(|error| error.to_string()),
                None => Err("no part of this program knows it".to_owned()),
            };
            if let Err(error) = done {
                tracing::error!(timer = id, error, "what is due cannot be done; trying again later");
                // Those that can be done go first from now on.
                let due = now + i64::try_from(LATER.as_millis()).unwrap_or(0);
                let later = self.store.commit(vec![Write::SetTimer(Timer { due, ..timer })]).await;
                if later.is_err() {
                    return Ok(Some(AGAIN));
                }
            }
        }
        let next = self.store.next_due().await?;
        Ok(next.map(|due| Duration::from_millis(u64::try_from(due - now).unwrap_or(0))))
    }
}
