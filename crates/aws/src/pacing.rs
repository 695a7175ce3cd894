//! The waiting around the [`Pacer`].

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_smithy_async::rt::sleep::{AsyncSleep as _, SharedAsyncSleep};
use aws_smithy_async::time::SharedTimeSource;

use crate::pacer::Pacer;

/// What is paced together: AWS counts per account, region and operation; another endpoint is another service.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct PaceKey {
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

/// A shared pacer with its clock.
#[derive(Debug)]
pub(crate) struct Pacing {
    pacer: Mutex<Pacer<PaceKey>>,
    time: SharedTimeSource,
    sleep: SharedAsyncSleep,
}

impl Pacing {
    pub(crate) fn new(time: SharedTimeSource, sleep: SharedAsyncSleep) -> Self {
        Self { pacer: Mutex::new(Pacer::default()), time, sleep }
    }

    fn now(&self) -> Duration {
        self.time.now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
    }

    fn with<T>(&self, act: impl FnOnce(&mut Pacer<PaceKey>, Duration) -> T) -> T {
        let now = self.now();
        act(&mut self.pacer.lock().unwrap_or_else(PoisonError::into_inner), now)
    }

    /// Waits for the key's turn.
    pub(crate) async fn wait(&self, key: &PaceKey) {
        let wait = self.with(|pacer, now| pacer.reserve(key, now));
        if !wait.is_zero() {
            tracing::debug!(
                service = key.service,
                operation = key.operation,
                region = key.region,
                wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
                "pacing calls after a throttle"
            );
            self.sleep.sleep(wait).await;
        }
    }

    /// The current limit in calls a second.
    pub(crate) fn rate(&self, key: &PaceKey) -> Option<f64> {
        self.with(|pacer, _| pacer.rate(key))
    }

    /// Learns from an answer.
    pub(crate) fn learn(&self, key: &PaceKey, throttled: bool) {
        self.with(|pacer, now| if throttled { pacer.throttled(key, now) } else { pacer.succeeded(key, now) });
    }
}
