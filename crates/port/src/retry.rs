//! The one retry policy: when to make a failed call again, or whether to give up. Pure: times are passed in.

use std::time::Duration;

use crate::cloud::Class;

/// Longest pause that a service can ask for. What it asks for may be nonsense, and nothing would seem to happen.
pub const LONGEST_AFTER: Duration = Duration::from_secs(60);

/// How long a command waits for what is not consistent yet: IAM propagates its changes to all regions within seconds.
pub const SETTLING: Duration = Duration::from_secs(30);
/// How long a command tries to delete a resource that is in use.
pub const IN_USE: Duration = Duration::from_secs(15);

/// How calls that fail with one class of error are made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// Pause after the first failure; each later one is twice as long.
    pub first: Duration,
    /// Longest pause.
    pub longest: Duration,
    /// How long a command goes on, which nothing starts again. A controller goes on for ever.
    pub patience: Duration,
}

const fn backoff(first_ms: u64, longest: u64, patience: u64) -> Backoff {
    Backoff {
        first: Duration::from_millis(first_ms),
        longest: Duration::from_secs(longest),
        patience: Duration::from_secs(patience),
    }
}

impl Backoff {
    /// The back-off of a class; none for what no later try can help.
    #[must_use]
    pub const fn of(class: Class) -> Option<Self> {
        Some(match class {
            Class::Terminal => return None,
            // ACK's work queue waits 1000 s at most.
            Class::Rejected => backoff(30_000, 1_000, 0),
            // IAM propagates its changes to all regions within seconds; a command's user would rather know than wait.
            Class::Blocked => backoff(5_000, 300, 30),
            // The adapter limits the rate of calls that are throttled; this is on top.
            Class::Throttle => backoff(500, 60, 120),
            Class::Transient => backoff(500, 30, 120),
        })
    }
}

/// The pause before the next try of a call that has failed `failures` times in a row; none to give up.
///
/// `after` is what the service asks for, `left` the time until the caller's deadline: a try that would begin later is
/// not made.
#[must_use]
pub fn next(class: Class, failures: u32, after: Option<Duration>, left: Option<Duration>) -> Option<Duration> {
    let backoff = Backoff::of(class)?;
    let doubled = 2_u32.saturating_pow(failures.saturating_sub(1));
    let pause = backoff.first.saturating_mul(doubled).min(backoff.longest);
    let pause = pause.max(after.unwrap_or_default().min(LONGEST_AFTER));
    left.is_none_or(|left| pause < left).then_some(pause)
}

/// As [`next`], for a command: it goes on for the patience of the class, and no longer than its deadline.
/// `spent` is the time since the call failed first.
#[must_use]
pub fn next_of_command(
    class: Class,
    failures: u32,
    after: Option<Duration>,
    spent: Duration,
    left: Option<Duration>,
) -> Option<Duration> {
    let patience = Backoff::of(class)?.patience.checked_sub(spent)?;
    next(class, failures, after, Some(left.map_or(patience, |left| left.min(patience))))
}
