//! The lines of one container on their way to its log stream: in batches, because a job may write thousands a second.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::clock::SimClock;
use crate::logs::{Event, LogSink};

/// Lines that make a batch full.
const BATCH: usize = 64;
/// How long a line may wait for others.
const DELAY: Duration = Duration::from_millis(100);

/// Writes lines to one stream. Clones share the stream; call [`Journal::flush`] at the container's end.
#[derive(Clone)]
pub struct Journal(Arc<Inner>);

struct Inner {
    sink: Arc<dyn LogSink>,
    clock: SimClock,
    account: String,
    region: String,
    group: String,
    stream: String,
    state: Mutex<State>,
}

struct State {
    events: Vec<Event>,
    // The machine's monotonic time: batching is about disk writes, not about what a user sees.
    written: Option<Instant>,
    scheduled: bool,
    /// Time of the last line.
    latest: i64,
}

impl Journal {
    /// A journal for `stream` of `group`.
    #[must_use]
    pub fn new(
        sink: Arc<dyn LogSink>,
        clock: SimClock,
        account: &str,
        region: &str,
        group: impl Into<String>,
        stream: impl Into<String>,
    ) -> Self {
        Self(Arc::new(Inner {
            sink,
            clock,
            account: account.to_owned(),
            region: region.to_owned(),
            group: group.into(),
            stream: stream.into(),
            state: Mutex::new(State { events: Vec::new(), written: None, scheduled: false, latest: i64::MIN }),
        }))
    }

    /// Name of the stream.
    #[must_use]
    pub fn stream(&self) -> &str {
        &self.0.stream
    }

    /// Takes a line, and may write to the disk. It is in the stream at once if the stream was quiet, else within 100 ms.
    pub fn push(&self, line: &str) {
        let mut state = self.0.lock();
        // Never back: who follows a stream asks only for what is later.
        let now = self.0.clock.now().as_millisecond().max(state.latest);
        state.latest = now;
        state.events.push(Event { timestamp: now, ingested: now, message: line.to_owned() });
        let quiet = state.written.is_none_or(|at| at.elapsed() >= DELAY);
        if quiet || state.events.len() >= BATCH {
            self.0.write(&mut state);
            return;
        }
        if !state.scheduled
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            state.scheduled = true;
            let inner = self.0.clone();
            runtime.spawn(async move {
                tokio::time::sleep(DELAY).await;
                let write = move || {
                    let mut state = inner.lock();
                    state.scheduled = false;
                    inner.write(&mut state);
                };
                // What is lost with the runtime is written when the journal is dropped.
                let _ = tokio::task::spawn_blocking(write).await;
            });
        }
    }

    /// Writes what waits.
    pub fn flush(&self) {
        let mut state = self.0.lock();
        self.0.write(&mut state);
    }
}

impl Inner {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, state: &mut State) {
        if state.events.is_empty() {
            return;
        }
        let written = self.sink.append(&self.account, &self.region, &self.group, &self.stream, &state.events);
        if let Err(error) = written {
            // The job goes on: a full disk must not also take its result.
            tracing::error!(group = self.group, stream = self.stream, %error, "cannot write log events");
        }
        state.events.clear();
        state.written = Some(Instant::now());
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let empty = State { events: Vec::new(), written: None, scheduled: false, latest: i64::MIN };
        let mut state = std::mem::replace(self.state.get_mut().unwrap_or_else(PoisonError::into_inner), empty);
        self.write(&mut state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemWall;

    #[derive(Default)]
    struct Kept(Mutex<Vec<Event>>);

    impl LogSink for Kept {
        fn append(&self, _: &str, _: &str, _: &str, _: &str, events: &[Event]) -> std::io::Result<()> {
            self.0.lock().unwrap().extend_from_slice(events);
            Ok(())
        }
    }

    #[test]
    fn a_flood_is_written_in_batches_and_the_rest_by_flush() {
        let kept = Arc::new(Kept::default());
        let journal = Journal::new(Arc::clone(&kept) as _, SimClock::new(Arc::new(SystemWall)), "0", "r", "g", "s");
        let count = || kept.0.lock().unwrap().len();
        journal.push("first");
        assert_eq!(count(), 1, "a line after silence is written at once");
        (0..1000).for_each(|n| journal.push(&n.to_string()));
        assert!(count() > 1000 - BATCH, "less than a batch waits");
        journal.push("last");
        journal.flush();
        assert_eq!(kept.0.lock().unwrap().last().unwrap().message, "last");
        assert_eq!(count(), 1002);
    }
}
