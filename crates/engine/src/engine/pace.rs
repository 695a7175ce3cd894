//! How often to look, and how long to try.

use std::time::Duration;

use sagewright_kinds::Kind;

use crate::clock::since;
use crate::error::Failure;
use crate::observe::calls::Calls;

/// First pause between looks.
const FIRST: Duration = Duration::from_millis(250);
/// Longest pause between looks.
const LONGEST: Duration = Duration::from_secs(30);
/// How long a call is tried again that may succeed later.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);
/// How long a resource that is in use is tried to be deleted.
pub(crate) const IN_USE: Duration = Duration::from_secs(15);

/// Pauses that grow.
#[derive(Debug, Clone)]
pub(crate) struct Pace {
    next: Duration,
    longest: Duration,
}

impl Pace {
    /// Pauses between looks at a resource of a kind.
    pub(crate) fn of(kind: &Kind) -> Self {
        let longest = kind.row().resync.progressing.map_or(LONGEST, |s| Duration::from_secs(s.into()));
        Self { next: FIRST.min(longest), longest }
    }

    /// Pauses between tries of a call.
    pub(crate) fn of_calls() -> Self {
        Self { next: Duration::from_secs(1), longest: LONGEST }
    }

    /// The next pause.
    pub(crate) fn next(&mut self) -> Duration {
        let now = self.next;
        self.next = now.mul_f64(1.5).min(self.longest);
        now
    }
}

/// Looks, again for a while when that may help; `retrying` hears why, and when.
pub(crate) async fn patiently<T, F>(
    calls: &Calls,
    patience: Duration,
    retrying: &(dyn Fn(&str, Duration) + Sync),
    look: impl Fn() -> F,
) -> Result<T, Failure>
where
    F: Future<Output = Result<T, Failure>>,
{
    let start = calls.clock.now();
    let mut pace = Pace::of_calls();
    loop {
        match look().await {
            Err(Failure::Retryable(again)) if since(calls.clock.now(), start) < patience => {
                let after = again.after.unwrap_or_else(|| pace.next());
                retrying(&again.why, after);
                calls.clock.sleep(after).await;
            }
            looked => return looked,
        }
    }
}
