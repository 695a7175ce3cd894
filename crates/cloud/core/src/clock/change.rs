//! What may be done to simulated time.

use std::time::Duration;

use super::setting::{END, Setting};
use super::{Speed, SpeedError};
use crate::records::{CommitError, StoreError};

/// The most that the clock is advanced at once: ten years.
pub const MOST_AT_ONCE: Duration = Duration::from_secs(3653 * 24 * 3600);

/// A change of the clock. What is `None` stays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Change {
    /// How far time goes forward at once.
    pub advance: Option<Duration>,
    /// How fast it passes from then on.
    pub speed: Option<Speed>,
}

/// Why the clock was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ClockError {
    /// No speed.
    #[error(transparent)]
    Speed(#[from] SpeedError),
    /// Back, too far, or no number.
    #[error(
        "the clock cannot be advanced by {0} s: time goes forward only, by at most ten years (3653d) at once; \
         `sagewright local reset` starts over"
    )]
    Advance(f64),
    /// Beyond the end of time.
    #[error(
        "the clock cannot be advanced by {} s: simulated time ends with the year 8999; `sagewright local reset` starts over",
        .0.as_secs()
    )]
    End(Duration),
    /// The clock that was kept is damaged.
    #[error("the stored state of the simulated clock is damaged ({0}); `sagewright local reset` starts over")]
    Damaged(String),
    /// Its state could not be read or written.
    #[error("the simulated clock could not be kept, and was left as it was: {0}")]
    Store(#[from] StoreError),
    /// Two processes on one folder.
    #[error("the simulated clock could not be kept, and was left as it was: {0}")]
    Commit(#[from] CommitError),
}

impl Change {
    /// A change as it comes from outside.
    ///
    /// # Errors
    /// A number is out of bounds.
    pub fn of(advance_seconds: Option<f64>, speed: Option<f64>) -> Result<Self, ClockError> {
        let advance = advance_seconds.map(|seconds| {
            let duration = Duration::try_from_secs_f64(seconds).map_err(|_| ClockError::Advance(seconds))?;
            if duration > MOST_AT_ONCE { Err(ClockError::Advance(seconds)) } else { Ok(duration) }
        });
        Ok(Self { advance: advance.transpose()?, speed: speed.map(Speed::new).transpose()? })
    }

    /// The setting after this change, which is made at a time of the wall clock and of the simulation.
    pub(super) fn made(self, wall: i64, sim: i64, speed: Speed) -> Result<Setting, ClockError> {
        let by = self.advance.unwrap_or_default();
        let advanced = i64::try_from(by.as_micros()).ok().and_then(|by| sim.checked_add(by));
        let sim = advanced.filter(|sim| *sim < END).ok_or(ClockError::End(by))?;
        Ok(Setting { wall, sim, speed: self.speed.unwrap_or(speed) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_back_too_far_or_nowhere_is_refused() {
        for seconds in [-1.0, -0.001, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300, 3653.0 * 86_400.0 + 1.0] {
            let told = Change::of(Some(seconds), None).unwrap_err().to_string();
            assert!(told.contains("by at most ten years"), "{told}");
        }
        for speed in [0.0, -3.0, 0.5, f64::NAN, f64::INFINITY, 10_001.0] {
            assert!(matches!(Change::of(None, Some(speed)), Err(ClockError::Speed(_))), "{speed}");
        }
        let most = Change::of(Some(MOST_AT_ONCE.as_secs_f64()), None).unwrap();
        let day = 86_400 * 1_000_000;
        assert!(most.made(0, END - 3654 * day, Speed::REAL).is_ok());
        for sim in [END - 3653 * day, END, i64::MAX] {
            let told = most.made(0, sim, Speed::REAL).unwrap_err().to_string();
            assert!(told.contains("ends with the year 8999"), "{told}");
        }
    }
}
