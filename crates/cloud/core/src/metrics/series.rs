//! A metric that is measured often: values are counted in memory, by minute, until they are written together.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Datum, Metric, Resolution, Stats};
use crate::clock::SimTime;

/// Minutes that wait to be written; later ones join the last. A fast clock has many of them in a moment.
const WAITING: usize = 256;

/// Counts the values of one metric. Clones count together.
#[derive(Debug, Clone)]
pub struct Series(Arc<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    metric: Metric,
    unit: &'static str,
    minutes: Mutex<Vec<(i64, Stats)>>,
}

impl Series {
    pub(super) fn new(metric: Metric, unit: &'static str) -> (Self, Arc<Inner>) {
        let inner = Arc::new(Inner { metric, unit, minutes: Mutex::default() });
        (Self(Arc::clone(&inner)), inner)
    }

    /// Counts a value. It takes less than a microsecond, and never waits for the disk.
    pub fn add(&self, at: SimTime, value: f64) {
        let minute = Resolution::Minute.bucket(at.as_millisecond());
        let mut minutes = self.0.lock();
        let full = minutes.len() >= WAITING;
        match minutes.last_mut() {
            Some((last, stats)) if *last == minute || full => stats.add(value, 1.0),
            _ => minutes.push((minute, Stats::of(value))),
        }
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, Vec<(i64, Stats)>> {
        self.minutes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nobody counts any more.
    pub fn idle(this: &Arc<Self>) -> bool {
        Arc::strong_count(this) == 1
    }

    /// Takes what was counted.
    pub fn take(&self) -> Vec<Datum> {
        let minutes = std::mem::take(&mut *self.lock());
        let datum = |(minute, stats)| Datum {
            metric: self.metric.clone(),
            unit: self.unit.to_owned(),
            at: minute * 1000,
            fine: false,
            stats,
        };
        minutes.into_iter().map(datum).collect()
    }

    /// Takes back what could not be written.
    pub fn give_back(&self, datum: Datum) {
        let minute = datum.at / 1000;
        let mut minutes = self.lock();
        let known = minutes.iter_mut().find(|(known, _)| *known == minute);
        if let Some((_, stats)) = known {
            stats.merge(&datum.stats);
        } else if minutes.len() < WAITING {
            minutes.insert(0, (minute, datum.stats));
        }
        // Else the disk has been full for hours.
    }
}
