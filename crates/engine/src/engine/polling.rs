//! How often to poll a resource that is changing.

use std::time::Duration;

use sagewright_kinds::Kind;

/// First pause between looks.
const FIRST: Duration = Duration::from_millis(250);
/// Longest pause between looks.
const LONGEST: Duration = Duration::from_secs(30);

/// The pause between looks, which grows.
#[derive(Debug, Clone)]
pub(crate) struct PollInterval {
    next: Duration,
    longest: Duration,
}

impl PollInterval {
    /// The pauses for a resource of a kind.
    pub(crate) fn of(kind: &Kind) -> Self {
        let longest = kind.row().resync.progressing.map_or(LONGEST, |s| Duration::from_secs(s.into()));
        Self { next: FIRST.min(longest), longest }
    }

    /// The next pause.
    pub(crate) fn next(&mut self) -> Duration {
        let now = self.next;
        self.next = now.mul_f64(1.5).min(self.longest);
        now
    }
}
