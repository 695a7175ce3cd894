//! The scheduler of what is due: timers are kept with the records, so that a restart forgets none.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::{Notify, watch};

use crate::clock::{SimClock, SimTime};
use crate::records::{CommitError, SharedRecords, StoreError, Timer, Write};

/// Does what a timer stands for, and cancels or sets it anew in the same commit.
pub type Due = Arc<dyn Fn(Timer) -> BoxFuture<'static, Result<(), StoreError>> + Send + Sync>;

/// Timers that are taken at a time.
const TOGETHER: usize = 100;
/// How long a timer waits that could not be done, on the wall clock.
const LATER: Duration = Duration::from_secs(60);
/// How long a store waits that failed, on the wall clock.
const AGAIN: Duration = Duration::from_secs(1);

/// Wakes the scheduler when a timer was set, and tells how far it has come; cheap to clone.
#[derive(Debug, Clone)]
pub struct Waker {
    set: Arc<Notify>,
    /// The earliest timer that was set since timers were read, as far as owners have told.
    sooner: Arc<AtomicI64>,
    /// All that was due by this time, in milliseconds since 1970, is done.
    done: watch::Sender<i64>,
}

impl Default for Waker {
    fn default() -> Self {
        Self { set: Arc::default(), sooner: Arc::new(AtomicI64::new(i64::MAX)), done: watch::Sender::default() }
    }
}

impl Waker {
    /// A timer was set that may be due before all others.
    pub fn wake(&self) {
        self.set.notify_one();
    }

    /// A timer was set that is due at a time. Where time was skipped, it is done before those that are due after it, though
    /// all are due.
    pub fn wake_by(&self, due: i64) {
        self.sooner.fetch_min(due, Ordering::Relaxed);
        self.wake();
    }

    /// Completes when all is done that was due by a time.
    pub async fn done(&self, by: SimTime) {
        let mut done = self.done.subscribe();
        self.wake();
        // The sender is in this waker.
        let _ = done.wait_for(|done| *done >= by.as_millisecond()).await;
    }
}

/// Runs timers, which are due by simulated time. The id of a timer starts with its owner's name and a colon.
pub struct Timers {
    store: SharedRecords,
    clock: SimClock,
    waker: Waker,
    owners: HashMap<&'static str, Due>,
}

impl Timers {
    /// A scheduler without owners.
    #[must_use]
    pub fn new(store: SharedRecords, clock: SimClock, waker: Waker) -> Self {
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
            let sleep = match self.once().await {
                Ok(next) => next.map(|due| self.clock.sleep_until(SimTime::from_millisecond(due))),
                Err(error) => {
                    tracing::error!(%error, "what is due cannot be read; trying again");
                    Some(self.clock.wall().sleep(AGAIN))
                }
            };
            tokio::select! {
                () = async { if let Some(sleep) = sleep { sleep.await } else { std::future::pending().await } } => {}
                () = self.waker.set.notified() => {}
            }
        }
    }

    /// Does all that is due; says when the next one is.
    async fn once(&self) -> Result<Option<i64>, StoreError> {
        let now = self.clock.now().as_millisecond();
        self.waker.sooner.store(i64::MAX, Ordering::Relaxed);
        for timer in self.store.due(now, TOGETHER).await? {
            if self.waker.sooner.load(Ordering::Relaxed) < timer.due {
                break;
            }
            let id = timer.id.clone();
            let owner = id.split(':').next().unwrap_or_default();
            let done = match self.owners.get(owner) {
                Some(due) => due(timer.clone()).await.map_err(|error| (error.is_lasting(), error.to_string())),
                None => Err((false, "no part of this program knows it".to_owned())),
            };
            if let Err((lasting, error)) = done {
                let next = if lasting {
                    tracing::error!(timer = id, error, "what is due cannot be done, now or later");
                    Write::CancelTimer { id, due: timer.due }
                } else {
                    tracing::error!(timer = id, error, "what is due cannot be done; trying again later");
                    // Those that can be done go first from now on.
                    let due = now + i64::try_from(self.clock.during(LATER).as_millis()).unwrap_or(0);
                    // Not where it was set anew after all: a commit may fail and have been written.
                    Write::MoveTimer { from: timer.due, to: timer.postponed(due) }
                };
                match self.store.commit(vec![next]).await {
                    Err(CommitError::Store(error)) => return Err(error),
                    Ok(()) | Err(CommitError::Conflict(_)) => {}
                }
            }
        }
        let next = self.store.next_due().await?;
        if next.is_none_or(|due| due > now) {
            self.waker.done.send_replace(now);
        }
        Ok(next)
    }
}
