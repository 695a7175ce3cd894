//! The outbox: an event is kept in the commit of the change that it tells of, and removed once every subscriber has it.
//!
//! Events are told in the order of commits, at least once: what was not yet removed when the process ended is told by the
//! next one. Where nobody subscribes, none is kept.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::Notify;

use crate::clock::SimClock;
use crate::records::{Event, SharedRecords, StoreError, Write};

/// Takes an event. One that is not taken is told again later, and holds up those behind it.
pub type Subscriber = Arc<dyn Fn(Event) -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// Events that are read at a time.
const TOGETHER: usize = 100;
/// How long an event waits that was not taken, on the wall clock.
const AGAIN: Duration = Duration::from_secs(1);
/// What nobody took for so long is dropped, as EventBridge drops it; in milliseconds of AWS's time.
const LONGEST: i64 = 24 * 60 * 60 * 1000;

/// Who is told of events; cheap to clone.
#[derive(Clone, Default)]
pub struct Outbox {
    subscribers: Arc<[Subscriber]>,
    kept: Arc<Notify>,
}

impl Outbox {
    /// An outbox for these subscribers.
    #[must_use]
    pub fn new(subscribers: Vec<Subscriber>) -> Self {
        Self { subscribers: subscribers.into(), kept: Arc::default() }
    }

    /// The write that keeps an event; `None` where nobody subscribes.
    pub fn keep(&self, event: impl FnOnce() -> Event) -> Option<Write> {
        (!self.subscribers.is_empty()).then(|| Write::Emit(event()))
    }

    /// An event was committed.
    pub fn wake(&self) {
        if !self.subscribers.is_empty() {
            self.kept.notify_one();
        }
    }

    /// Tells for ever. Those that an earlier process left are told first.
    pub async fn run(self, store: SharedRecords, clock: SimClock) {
        if self.subscribers.is_empty() {
            if let Err(error) = store.forget_events(i64::MAX).await {
                tracing::warn!(%error, "events that nobody is told of cannot be removed");
            }
            return;
        }
        loop {
            match self.once(&store, &clock).await {
                Ok(true) => {}
                Ok(false) => self.kept.notified().await,
                Err(error) => {
                    tracing::warn!(error, "events are told later");
                    clock.wall().sleep(AGAIN).await;
                }
            }
        }
    }

    /// Tells the oldest events. `false`: there are none.
    async fn once(&self, store: &SharedRecords, clock: &SimClock) -> Result<bool, String> {
        let failed = |error: StoreError| error.to_string();
        let events = store.events(0, TOGETHER).await.map_err(failed)?;
        let Some((last, _)) = events.last() else { return Ok(false) };
        let last = *last;
        for (number, event) in events {
            let old = clock.now().as_millisecond() - event.at > LONGEST;
            let refused = self.tell(event).await.err();
            if old && let Some(error) = refused {
                tracing::error!(number, error, "an event that nobody took for a day is dropped");
            } else if let Some(error) = refused {
                store.forget_events(number - 1).await.map_err(failed)?;
                return Err(error);
            }
        }
        store.forget_events(last).await.map_err(failed)?;
        Ok(true)
    }

    async fn tell(&self, event: Event) -> Result<(), String> {
        for subscriber in self.subscribers.iter() {
            subscriber(event.clone()).await?;
        }
        Ok(())
    }
}
