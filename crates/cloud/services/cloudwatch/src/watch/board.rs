//! The alarms of an account and region as far as evaluation needs them, and which is to be evaluated when: pure.

use std::collections::BTreeMap;

use sagewright_cloud_core::alarms::AlarmState;
use sagewright_cloud_core::metrics::Metric;

use crate::alarm::Measured;

/// The alarms of an account and region.
#[derive(Debug, Default)]
pub(crate) struct Board {
    /// Whether it is what the store has.
    pub loaded: bool,
    /// When the timer is due that has been set, in milliseconds since 1970.
    pub timer: Option<i64>,
    /// By name.
    pub alarms: BTreeMap<String, Entry>,
}

/// An alarm.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub state: AlarmState,
    /// `None` for an alarm that is evaluated when others change.
    pub measured: Option<Measured>,
    /// Actions of its state go on for as long as it is in it.
    pub repeats: bool,
    /// The second of its next evaluation; `None` while nothing can change.
    pub next: Option<i64>,
    /// No evaluation is earlier: what happened by then is done.
    pub after: i64,
}

/// The first second after a time that is a multiple of a step.
pub(crate) fn tick(after: i64, step: i64) -> i64 {
    (after.div_euclid(step) + 1) * step
}

impl Entry {
    /// An alarm that was put or set at a time, in milliseconds since 1970: it is evaluated at the next turn.
    pub fn new(state: AlarmState, measured: Option<Measured>, repeats: bool, at: i64) -> Self {
        let mut entry = Self { state, measured, repeats, next: None, after: at.div_euclid(1000) };
        entry.evaluate_after(entry.after);
        entry
    }

    fn step(&self) -> i64 {
        self.measured.as_ref().map_or(60, |measured| measured.rule.step())
    }

    /// It is to be evaluated at the first turn after a second, or earlier.
    pub fn evaluate_after(&mut self, second: i64) {
        if self.measured.is_some() {
            let next = tick(second.max(self.after), self.step());
            self.next = Some(self.next.map_or(next, |known| known.min(next)));
        }
    }

    /// It was evaluated at a second. `more` is when there may be something new: at the next turn, or when later data begin.
    pub fn evaluated(&mut self, at: i64, more: Option<i64>) {
        self.after = at;
        self.next = None;
        if let Some(second) = more {
            self.evaluate_after(second);
        }
    }
}

impl Board {
    /// The second of the next evaluation.
    pub fn first(&self) -> Option<i64> {
        self.alarms.values().filter_map(|entry| entry.next).min()
    }

    /// The alarms that are evaluated at a second.
    pub fn due(&self, at: i64) -> Vec<String> {
        let due = self.alarms.iter().filter(|(_, entry)| entry.next.is_some_and(|next| next <= at));
        due.map(|(name, _)| name.clone()).collect()
    }

    /// A metric has new data since a second.
    pub fn touched(&mut self, metric: &Metric, since: i64) {
        let watches = |entry: &&mut Entry| {
            entry.measured.as_ref().is_some_and(|measured| measured.metrics().any(|wanted| wanted.metric == *metric))
        };
        self.alarms.values_mut().filter(watches).for_each(|entry| entry.evaluate_after(since));
    }

    /// When the timer is to be due, in milliseconds since 1970: at the next evaluation, or soon after now, to see which metrics
    /// have new data. `None` where there is nothing to evaluate.
    pub fn wake(&self, now: i64) -> Option<i64> {
        let steps = self.alarms.values().filter(|entry| entry.measured.is_some()).map(Entry::step);
        let look = tick(now.div_euclid(1000), steps.min()?);
        Some(self.first().map_or(look, |first| first.min(look)) * 1000)
    }
}
