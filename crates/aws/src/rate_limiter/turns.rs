//! The waiting around the [`RateLimiter`]: calls wait for their turn, one task wakes them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use aws_smithy_async::rt::sleep::{AsyncSleep as _, SharedAsyncSleep};
use aws_smithy_async::time::SharedTimeSource;
use sagewright_port::cloud::Priority;
use tokio::sync::{Notify, oneshot};

use super::{RateLimiter, Ticket, Turn};

/// What has one rate and one queue: AWS counts by account, region and operation; another endpoint is another service.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    /// Account, or what stands for the identity.
    pub identity: String,
    /// The target's own endpoint.
    pub endpoint: Option<String>,
    /// Region.
    pub region: String,
    /// Service id.
    pub service: &'static str,
    /// Operation.
    pub operation: &'static str,
}

/// A call whose turn would come, or came, after its deadline.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct TooLate {
    /// How long it would have to wait; none for a call that has waited until its deadline.
    pub wait: Option<Duration>,
    /// How many calls would go before it.
    pub ahead: usize,
    /// The present rate, in calls a second.
    pub rate: f64,
}

/// A shared rate limiter with its clock.
#[derive(Debug)]
pub(crate) struct Turns {
    state: Mutex<State>,
    changed: Notify,
    clock: Stopwatch,
    sleep: SharedAsyncSleep,
}

/// Measures the time that passes. The machine's wall clock may be set while calls wait: it measures only where a test gives
/// the time.
#[derive(Debug)]
pub(crate) enum Stopwatch {
    /// Runs since then.
    Since(Instant),
    /// Given.
    Given(SharedTimeSource),
}

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self::Since(Instant::now())
    }

    fn now(&self) -> Duration {
        match self {
            Self::Since(start) => start.elapsed(),
            Self::Given(time) => time.now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default(),
        }
    }
}

#[derive(Debug, Default)]
struct State {
    limiter: RateLimiter<Key>,
    waiting: HashMap<Ticket, oneshot::Sender<bool>>,
    /// Whether the task that wakes is running.
    awake: bool,
}

/// Takes a call that is dropped while it waits out of its queue.
struct InQueue<'a> {
    turns: &'a Turns,
    key: &'a Key,
    ticket: Ticket,
}

impl Drop for InQueue<'_> {
    fn drop(&mut self) {
        let mut state = self.turns.state();
        state.limiter.leave(self.key, self.ticket);
        state.waiting.remove(&self.ticket);
    }
}

impl Turns {
    pub(crate) fn new(clock: Stopwatch, sleep: SharedAsyncSleep) -> Self {
        Self { state: Mutex::default(), changed: Notify::new(), clock, sleep }
    }

    /// The present moment, as the rate limiter counts.
    pub(crate) fn now(&self) -> Duration {
        self.clock.now()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn ticket(&self, priority: Priority) -> Ticket {
        self.state().limiter.ticket(priority)
    }

    /// Waits for a call's turn.
    pub(crate) async fn wait(
        self: &Arc<Self>,
        key: &Key,
        ticket: Ticket,
        deadline: Option<Duration>,
    ) -> Result<(), TooLate> {
        let (woken, in_queue) = {
            let mut state = self.state();
            match state.limiter.enter(key, ticket, deadline, self.now()) {
                Turn::Now => return Ok(()),
                Turn::TooLate { wait, ahead } => {
                    let rate = state.limiter.rate(key).unwrap_or_default();
                    return Err(TooLate { wait: Some(wait), ahead, rate });
                }
                Turn::Waits => {}
            }
            let (sender, woken) = oneshot::channel();
            state.waiting.insert(ticket, sender);
            if !std::mem::replace(&mut state.awake, true) {
                tokio::spawn(Arc::clone(self).wake());
            }
            (woken, InQueue { turns: self, key, ticket })
        };
        self.changed.notify_one();
        tracing::debug!(
            service = key.service,
            operation = key.operation,
            region = key.region,
            waiting = self.state().limiter.waiting(key),
            "a call waits for its turn after a throttle"
        );
        // Without the task that wakes (its runtime ends) nobody would: a call rather goes too early than never.
        let in_time = woken.await.unwrap_or(true);
        drop(in_queue);
        if in_time {
            return Ok(());
        }
        let state = self.state();
        Err(TooLate {
            wait: None,
            ahead: state.limiter.waiting(key),
            rate: state.limiter.rate(key).unwrap_or_default(),
        })
    }

    /// Wakes calls at their turn, until none waits.
    async fn wake(self: Arc<Self>) {
        let mut guard = CutOff { turns: &self, armed: true };
        loop {
            let pause = {
                let mut state = self.state();
                let now = self.now();
                for (ticket, in_time) in state.limiter.due(now) {
                    if let Some(sender) = state.waiting.remove(&ticket) {
                        // Whoever has gone meanwhile has left the queue too.
                        let _ = sender.send(in_time);
                    }
                }
                match state.limiter.until_due(now) {
                    Some(pause) => pause,
                    None => {
                        state.awake = false;
                        guard.armed = false;
                        return;
                    }
                }
            };
            // A timer may be a millisecond early or late; less than that is not worth one.
            let sleep = self.sleep.sleep(pause.max(Duration::from_millis(1)));
            tokio::select! {
                () = sleep => {}
                () = self.changed.notified() => {}
            }
        }
    }

    /// The present limit in calls a second.
    pub(crate) fn rate(&self, key: &Key) -> Option<f64> {
        self.state().limiter.rate(key)
    }

    /// Learns how a call was answered that was sent at `sent`.
    pub(crate) fn answered(&self, key: &Key, sent: Duration, throttled: bool) {
        let now = self.now();
        let waiting = {
            let mut state = self.state();
            state.limiter.answered(key, sent, throttled, now);
            state.limiter.waiting(key)
        };
        if waiting > 0 {
            self.changed.notify_one();
        }
    }
}

/// Should the task be cut off, lets those that wait go, and the next call start it anew.
struct CutOff<'a> {
    turns: &'a Turns,
    armed: bool,
}

impl Drop for CutOff<'_> {
    fn drop(&mut self) {
        if self.armed {
            let mut state = self.turns.state();
            state.awake = false;
            state.waiting.clear();
        }
    }
}
