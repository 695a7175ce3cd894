//! When requests are sent: at times that are planned beforehand. Whoever waits for an answer before the next request leaves out
//! just the requests that would have waited longest.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Longest sleep between two looks at whether to go on.
const LOOK: Duration = Duration::from_millis(50);

/// Planned times, evenly spaced.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Schedule {
    rate: f64,
    /// Requests.
    pub(super) count: u64,
}

impl Schedule {
    /// So many requests a second, for so long.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a positive number, far below 2^52
    pub(super) fn new(rate: f64, duration: Duration) -> Self {
        Self { rate, count: (rate * duration.as_secs_f64()).ceil() as u64 }
    }

    /// When a request is to be sent, from the start on.
    #[allow(clippy::cast_precision_loss)] // far below 2^52
    pub(super) fn at(&self, n: u64) -> Duration {
        Duration::try_from_secs_f64(n as f64 / self.rate).unwrap_or(Duration::MAX)
    }

    /// Calls `send` at each planned time, with the request's number and that time, until the duration is over or `stop`. It takes
    /// a thread: timers of the asynchronous runtime are a millisecond late, which would be measured with each answer.
    pub(super) fn run(&self, stop: &AtomicBool, mut send: impl FnMut(u64, Instant)) {
        let start = Instant::now();
        for n in 0..=self.count {
            let Some(planned) = start.checked_add(self.at(n)) else { return };
            loop {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let left = planned.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    break;
                }
                std::thread::sleep(left.min(LOOK));
            }
            if n < self.count {
                send(n, planned);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_spaced_evenly_and_all_within_the_duration() {
        let schedule = Schedule::new(50.0, Duration::from_secs(30));
        assert_eq!(
            (schedule.count, schedule.at(0), schedule.at(75)),
            (1500, Duration::ZERO, Duration::from_millis(1500))
        );
        assert!(schedule.at(schedule.count - 1) < Duration::from_secs(30));
        assert_eq!(Schedule::new(0.01, Duration::from_secs(1)).count, 1);
        assert_eq!(Schedule::new(10.0, Duration::ZERO).count, 0);
    }

    #[test]
    fn a_request_that_is_late_does_not_move_the_next_ones() {
        let schedule = Schedule::new(1000.0, Duration::from_millis(20));
        let mut times = Vec::new();
        schedule.run(&AtomicBool::new(false), |n, planned| {
            if n == 3 {
                std::thread::sleep(Duration::from_millis(10));
            }
            times.push(planned);
        });
        let gaps: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert_eq!(gaps.len(), 19);
        assert!(gaps.iter().all(|gap| gap.abs_diff(Duration::from_millis(1)) < Duration::from_micros(1)), "{gaps:?}");
    }

    #[test]
    fn nothing_is_sent_after_a_stop() {
        let stop = AtomicBool::new(false);
        let mut sent = 0;
        Schedule::new(1000.0, Duration::from_secs(3600)).run(&stop, |_, _| {
            sent += 1;
            stop.store(sent == 5, Ordering::Relaxed);
        });
        assert_eq!(sent, 5);
    }
}
