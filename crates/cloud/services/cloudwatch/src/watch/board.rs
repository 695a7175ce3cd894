//! The alarms of an account and region as far as evaluation needs them, and which is to be evaluated when: pure.

use std::collections::{BTreeMap, BTreeSet, HashMap};

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
    /// The names of the alarms that watch a metric.
    watching: HashMap<Metric, BTreeSet<String>>,
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
        for name in self.watching.get(metric).into_iter().flatten() {
            if let Some(entry) = self.alarms.get_mut(name) {
                entry.evaluate_after(since);
            }
        }
    }

    /// Adds an alarm, in place of one with its name.
    pub fn add(&mut self, name: &str, entry: Entry) {
        self.remove(name);
        for wanted in entry.measured.iter().flat_map(Measured::metrics) {
            self.watching.entry(wanted.metric.clone()).or_default().insert(name.to_owned());
        }
        self.alarms.insert(name.to_owned(), entry);
    }

    /// Removes an alarm. Answers the metrics that no alarm watches any more.
    pub fn remove(&mut self, name: &str) -> Vec<Metric> {
        let mut left = Vec::new();
        let gone = self.alarms.remove(name).and_then(|entry| entry.measured);
        for wanted in gone.iter().flat_map(Measured::metrics) {
            if let Some(names) = self.watching.get_mut(&wanted.metric) {
                names.remove(name);
                if names.is_empty() {
                    self.watching.remove(&wanted.metric);
                    left.push(wanted.metric.clone());
                }
            }
        }
        left
    }

    /// Whether a composite alarm may have to follow: others have changed, or its waiting ends by a second.
    pub fn follows(&self, changed: bool, at: i64) -> bool {
        let mut composites = self.alarms.values().filter(|entry| entry.composite.is_some());
        composites.any(|entry| changed || entry.next.is_some_and(|next| next <= at))
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::alarm::{METRIC, key, measured};

    fn board(periods: &[i64]) -> Board {
        let mut board = Board::default();
        for (n, period) in periods.iter().enumerate() {
            let config = json!({
                "Namespace": "n", "MetricName": format!("m{}", n % 2), "Statistic": "Sum", "Period": period, "EvaluationPeriods": 1,
                "Threshold": 1, "ComparisonOperator": "GreaterThanThreshold",
            });
            let record = Record {
                key: key("1", "r", &format!("a{n}")),
                arn: String::new(),
                status: "OK".to_owned(),
                created: 0,
                modified: 0,
                body: json!({"type": METRIC}),
            };
            let mut entry = Entry::new(&record, 0);
            entry.measured = Some(measured("1", "r", &config).unwrap());
            board.add(&record.key.name, entry);
        }
        board
    }

    fn metric(n: usize) -> Metric {
        Metric::new("1", "r", "n", &format!("m{n}"))
    }

    #[test]
    fn who_is_settled_waits_for_data_of_its_metric() {
        let mut board = board(&[60, 10, 300]);
        assert_eq!((board.first(), board.wake(61_000)), (None, Some(70_000)), "who is settled is not evaluated");
        board.touched(&metric(0), 61);
        assert_eq!((board.first(), board.due(120)), (Some(120), vec!["a0".to_owned(), "a2".to_owned()]));
        board.touched(&metric(1), 61);
        assert_eq!((board.first(), board.due(70)), (Some(70), vec!["a1".to_owned()]));
        assert_eq!(board.remove("a1"), [metric(1)]);
        assert_eq!(board.remove("a0"), [], "another one watches it");
        assert_eq!(board.wake(61_000), Some(120_000));
        board.remove("a2");
        assert_eq!(board.wake(61_000), None);
    }

    proptest! {
        #[test]
        fn evaluations_are_in_order_and_at_whole_turns(
            touches in prop::collection::vec((0..2_usize, 0..4000_i64), 1..20),
            periods in prop::collection::vec(prop::sample::select(vec![10, 30, 60, 300]), 1..6),
        ) {
            let mut board = board(&periods);
            let (mut last, mut touches) = (0, touches);
            touches.sort_by_key(|(_, at)| *at);
            // All that is due by a second is evaluated before what happens then.
            let mut pass = |board: &mut Board, by: i64| -> Result<(), TestCaseError> {
                while let Some(at) = board.first().filter(|at| *at <= by) {
                    prop_assert!(at > last || last == 0);
                    last = at;
                    for name in board.due(at) {
                        let entry = board.alarms.get_mut(&name).unwrap();
                        prop_assert_eq!(entry.next, Some(at));
                        prop_assert_eq!(at % entry.step(), 0);
                        entry.evaluated(at, None);
                    }
                }
                Ok(())
            };
            for (n, since) in &touches {
                pass(&mut board, *since)?;
                board.touched(&metric(*n), *since);
            }
            pass(&mut board, i64::MAX)?;
            for (n, since) in touches {
                let watches = |entry: &&Entry| entry.measured.iter().flat_map(Measured::metrics).any(|w| w.metric == metric(n));
                prop_assert!(board.alarms.values().filter(watches).all(|entry| entry.after > since));
            }
            prop_assert_eq!(board.first(), None);
        }
    }
}
