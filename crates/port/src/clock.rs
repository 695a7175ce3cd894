//! The port to time.

use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::Timestamp;

/// Gives the time, and waits.
pub trait Clock: Send + Sync {
    /// The current time.
    fn now(&self) -> Timestamp;
    /// Completes when `duration` has passed on this clock.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;
}

/// The time from `start` to `now`; none where `start` is later.
pub fn since(now: Timestamp, start: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(start)).unwrap_or_default()
}
