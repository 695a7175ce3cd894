//! The alarms of an account and region as far as evaluation needs them, and which is to be evaluated when: pure.

use std::collections::{BTreeMap, BTreeSet};

use sagewright_cloud_core::alarms::AlarmState;
use sagewright_cloud_core::metrics::Metric;
use sagewright_cloud_core::records::Record;

use crate::alarm::{self, Child, Composite, Measured};

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
    pub arn: String,
    pub state: AlarmState,
    /// Since when, in milliseconds since 1970.
    pub since: i64,
    /// What a metric alarm watches.
    pub measured: Option<Measured>,
    /// What a composite alarm depends on.
    pub composite: Option<Composite>,
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

/// The first second that is not before a time in milliseconds since 1970.
fn whole(at: i64) -> i64 {
    at.div_euclid(1000) + i64::from(at.rem_euclid(1000) > 0)
}

impl Entry {
    /// An alarm that was put or set at a time, in milliseconds since 1970: it is evaluated at the next turn.
    pub fn new(record: &Record, at: i64) -> Self {
        Self {
            arn: record.arn.clone(),
            state: alarm::state(record),
            since: alarm::since(record),
            measured: None,
            composite: None,
            repeats: false,
            next: alarm::until(record).map(whole),
            after: at.div_euclid(1000),
        }
    }

    /// It is as its record says; `repeats` says whether actions of its state go on.
    pub fn follow(&mut self, record: &Record, repeats: bool) {
        self.state = alarm::state(record);
        self.since = alarm::since(record);
        self.repeats = repeats;
        if self.composite.is_some() {
            self.next = alarm::until(record).map(whole);
        }
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

    /// The composite alarms, each behind those that it depends on.
    pub fn composites(&self, account: &str, region: &str) -> Vec<String> {
        let mut out = Vec::new();
        let mut seen = BTreeSet::new();
        // What is to be looked at, and whether all that it depends on has been.
        let mut stack: Vec<(String, bool)> = self.alarms.keys().rev().map(|name| (name.clone(), false)).collect();
        while let Some((name, whole)) = stack.pop() {
            let Some(composite) = self.alarms.get(&name).and_then(|entry| entry.composite.as_ref()) else { continue };
            if whole {
                out.push(name);
            } else if seen.insert(name.clone()) {
                stack.push((name, true));
                stack.extend(composite.needs(account, region).into_iter().map(|needed| (needed, false)));
            }
        }
        out
    }

    /// Whether an alarm depends on another one, by others or by itself.
    pub fn depends(&self, name: &str, on: &str, account: &str, region: &str) -> bool {
        let mut seen = BTreeSet::new();
        let mut stack = vec![name.to_owned()];
        while let Some(name) = stack.pop() {
            if name == on {
                return true;
            }
            let composite = self.alarms.get(&name).and_then(|entry| entry.composite.as_ref());
            if let Some(composite) = composite.filter(|_| seen.insert(name)) {
                stack.extend(composite.needs(account, region));
            }
        }
        false
    }

    /// The composite alarms that depend on an alarm.
    pub fn parents(&self, of: &str, account: &str, region: &str) -> Vec<&String> {
        let depends = |entry: &Entry| {
            entry
                .composite
                .as_ref()
                .is_some_and(|composite| composite.needs(account, region).iter().any(|name| name == of))
        };
        self.alarms.iter().filter(|(_, entry)| depends(entry)).map(|(name, _)| name).collect()
    }

    /// An alarm as a reason tells of it.
    pub fn child(&self, name: &str) -> Option<Child> {
        let entry = self.alarms.get(name)?;
        Some(Child { arn: entry.arn.clone(), state: entry.state, since: entry.since })
    }

    /// When the timer is to be due, in milliseconds since 1970: at the next evaluation, or soon after now, to see which metrics
    /// have new data. `None` where there is nothing to evaluate.
    pub fn wake(&self, now: i64) -> Option<i64> {
        let steps = self.alarms.values().filter(|entry| entry.measured.is_some()).map(Entry::step);
        let look = steps.min().map(|step| tick(now.div_euclid(1000), step));
        Some(look.into_iter().chain(self.first()).min()? * 1000)
    }
}
