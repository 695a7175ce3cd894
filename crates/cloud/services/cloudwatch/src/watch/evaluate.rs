//! One evaluation of the alarms that are due at a second: what is read for it, and what is written of it.

use std::collections::BTreeSet;

use sagewright_cloud_core::alarms::AlarmState;
use sagewright_cloud_core::metrics::{Bucket, Metric, Span, Stats};
use sagewright_cloud_core::records::{Batch, StoreError, Versioned, Write};

use super::act::Done;
use super::{Held, Watch};
use crate::alarm::history::{self, Item};
use crate::alarm::{self, Cause, Measured, Source, Turned, Wanted};
use crate::evaluation::{Point, Reason, Verdict, decide, is_low, reason};
use crate::statistic::Statistic;
use crate::windows::Windows;

/// Actions that go on are done once in so many seconds.
const REPEATED: i64 = 60;
/// Where time was skipped, they are made up for over so many seconds.
const MADE_UP: i64 = 3600;

/// What was read of a metric for an evaluation.
struct Found {
    /// Statistics of the periods that have data, by their start.
    stats: Vec<(i64, Stats)>,
    /// Whether there are any.
    any: bool,
    /// Where data begin that are later than the evaluation.
    later: Option<i64>,
}

impl Watch {
    /// Evaluates the alarms that are due at a second. Answers the writes; the board is as after them.
    pub(super) async fn evaluate(&self, held: &mut Held, at: i64) -> Result<Batch, StoreError> {
        let due: Vec<(String, Measured)> = held
            .board
            .due(at)
            .into_iter()
            .filter_map(|name| Some((name.clone(), held.board.alarms.get(&name)?.measured.clone()?)))
            .collect();
        let mut found = self.read(&due, at).await?.into_iter();
        let mut work = Work::default();
        for (name, measured) in due {
            let found: Vec<Found> = found.by_ref().take(measured.metrics().count()).collect();
            let Some(entry) = held.board.alarms.get(&name) else { continue };
            let (now, repeats) = (entry.state, entry.repeats && at % REPEATED == 0);
            let verdict = judged(&measured, &found, at);
            match verdict.state.filter(|state| *state != now) {
                Some(state) => {
                    let cause = cause(&measured, &verdict, state, at);
                    self.enter(held, &name, &cause, &mut work).await?;
                }
                None if repeats => self.repeat(held, &name, &cause(&measured, &verdict, now, at), &mut work).await?,
                None => {}
            }
            let latest = self.clock.now().as_second();
            if let Some(entry) = held.board.alarms.get_mut(&name) {
                entry.evaluated(at, more(&found, at));
                if entry.repeats {
                    // Of a long time that was skipped, the end has to do.
                    entry.evaluate_after(at.max(latest - MADE_UP));
                }
            }
        }
        self.cascade(held, at * 1000, &mut work).await?;
        self.written(work).await
    }

    /// What goes on is done once more.
    async fn repeat(&self, held: &Held, name: &str, cause: &Cause, work: &mut Work) -> Result<(), StoreError> {
        let found = self.store.shared(&alarm::key(&held.account, &held.region, name)).await?;
        if let Some(found) = found {
            let news = alarm::news(&found.record, cause, true);
            for action in self.repeated(&found.record) {
                work.done(self.acted(&found.record, action, &news));
            }
        }
        Ok(())
    }

    async fn read(&self, due: &[(String, Measured)], at: i64) -> Result<Vec<Found>, StoreError> {
        let each = || due.iter().flat_map(|(_, measured)| measured.metrics().map(move |wanted| (measured, wanted)));
        let wanted: Vec<(Metric, Span)> =
            each().map(|(measured, wanted)| (wanted.metric.clone(), measured.span(wanted, at))).collect();
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let how: Vec<(Windows, Option<String>)> = each()
            .map(|(measured, wanted)| {
                let windows = Windows { start: measured.rule.from(at), end: at, period: measured.rule.period };
                (windows, wanted.unit.clone())
            })
            .collect();
        let make =
            move |n: usize, buckets| how.get(n).map(|(windows, unit)| folded(*windows, unit.as_deref(), buckets));
        Ok(self.metrics.read_each(wanted, make).await?.into_iter().flatten().collect())
    }

    /// An alarm enters a state.
    pub async fn enter(&self, held: &mut Held, name: &str, cause: &Cause, work: &mut Work) -> Result<(), StoreError> {
        let key = alarm::key(&held.account, &held.region, name);
        let Some(found) = self.store.get(&key).await? else {
            // It cannot be: who holds the alarms is the only one to remove one.
            self.drop_from(held, name);
            return Ok(());
        };
        let turned = self.turned(held, &found.record, Some(cause), cause.at);
        self.follow(held, &turned);
        work.add(self, Kept::Replaced(found.version), turned);
        Ok(())
    }

    /// What an alarm is after a change.
    pub fn follow(&self, held: &mut Held, turned: &Turned) {
        if let Some(entry) = held.board.alarms.get_mut(&turned.record.key.name) {
            entry.follow(&turned.record, self.repeats(&turned.record));
        }
    }

    /// A caller sets the state of an alarm: it lasts until the next evaluation.
    pub async fn set(&self, held: &mut Held, name: &str, cause: &Cause, work: &mut Work) -> Result<(), StoreError> {
        self.enter(held, name, cause, work).await?;
        let second = cause.at.div_euclid(1000);
        if let Some(entry) = held.board.alarms.get_mut(name).filter(|entry| entry.measured.is_some()) {
            entry.evaluated(second, Some(second));
        }
        self.cascade(held, cause.at, work).await
    }

    /// The writes of what was done.
    pub async fn written(&self, work: Work) -> Result<Batch, StoreError> {
        let mut batch = work.batch;
        batch.extend(history::writes(&self.store, work.history).await?);
        Ok(batch)
    }
}

/// What is to be written of evaluations.
#[derive(Default)]
pub(crate) struct Work {
    pub batch: Batch,
    pub history: Vec<Item>,
    /// Alarms that have entered another state.
    pub changed: BTreeSet<String>,
}

/// How a record is written.
pub(crate) enum Kept {
    Inserted,
    Replaced(i64),
}

impl Work {
    pub fn add(&mut self, watch: &Watch, kept: Kept, turned: Turned) {
        let Turned { record, history, event, actions, news } = turned;
        self.history.extend(history);
        if event.is_some() {
            self.changed.insert(record.key.name.clone());
        }
        self.batch.extend(event.and_then(|event| watch.outbox.keep(|| event)));
        for action in actions {
            self.done(watch.acted(&record, &action, &news));
        }
        self.batch.push(match kept {
            Kept::Inserted => Write::Insert(record),
            Kept::Replaced(version) => Write::Replace(Versioned { record, version }),
        });
    }

    fn done(&mut self, done: Done) {
        match done {
            Done::Later(write) => self.batch.push(write),
            Done::Failed(item) => self.history.push(item),
        }
    }
}

/// What the data say.
fn judged(measured: &Measured, found: &[Found], at: i64) -> Verdict {
    let rule = &measured.rule;
    match &measured.source {
        Source::Metric { wanted, patient } => {
            let points = found.first().map(|found| points(wanted, found)).unwrap_or_default();
            let mut verdict = decide(rule, &points, at);
            if let (true, Statistic::Percentile(percent)) = (*patient, wanted.statistic)
                && !verdict.used.is_empty()
                && is_low(percent, &verdict.used)
            {
                verdict.state = None;
            }
            verdict
        }
        Source::Math(math) => {
            let each = math.wanted.iter().zip(found);
            let known = each.map(|((id, wanted), found)| {
                let points = points(wanted, found).into_iter().map(|point| (point.start, point.value));
                (id.as_str(), points.collect::<Vec<_>>())
            });
            let computed = math.points(&known.collect(), rule.period, (rule.from(at), at));
            let points = computed.as_ref().map(|points| {
                points
                    .iter()
                    .map(|(start, value)| Point { start: *start, value: *value, count: None })
                    .collect::<Vec<_>>()
            });
            match points {
                Ok(points) => decide(rule, &points, at),
                Err(error) => {
                    tracing::warn!(
                        error = error.message,
                        "the expression of an alarm cannot be computed; its state stays"
                    );
                    Verdict { state: None, ..decide(rule, &[], at) }
                }
            }
        }
    }
}

fn cause(measured: &Measured, verdict: &Verdict, state: AlarmState, at: i64) -> Cause {
    let Reason { text, data } = reason(&measured.rule, verdict, state, at, measured.about.clone());
    let value = verdict.used.first().map(|point| point.value);
    Cause { state, reason: text, data: Some(data), at: at * 1000, value, threshold: Some(measured.rule.threshold) }
}

/// When there may be something new after an evaluation: at the next turn where there were data, which go out of the range one by
/// one, and else where later ones begin.
fn more(found: &[Found], at: i64) -> Option<i64> {
    match found.iter().any(|found| found.any) {
        true => Some(at),
        false => found.iter().filter_map(|found| found.later).min(),
    }
}

fn folded(windows: Windows, unit: Option<&str>, buckets: Vec<Bucket>) -> Found {
    let of_unit = |bucket: &Bucket| unit.is_none_or(|unit| bucket.unit == unit);
    let (past, later): (Vec<Bucket>, Vec<Bucket>) =
        buckets.into_iter().filter(of_unit).partition(|bucket| bucket.start < windows.end);
    let later = later.first().map(|bucket| bucket.start);
    let mut stats: Vec<(i64, Stats)> = Vec::new();
    for (start, _, more) in windows.fold(past, None) {
        match stats.last_mut() {
            Some((known, stats)) if *known == start => stats.merge(&more),
            _ => stats.push((start, more)),
        }
    }
    Found { any: !stats.is_empty(), stats, later }
}

fn points(wanted: &Wanted, found: &Found) -> Vec<Point> {
    let point = |(start, stats): &(i64, Stats)| {
        let value = wanted.statistic.of(stats)?;
        Some(Point { start: *start, value, count: Some(stats.count) })
    };
    found.stats.iter().filter_map(point).collect()
}
