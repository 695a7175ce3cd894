//! The evaluation of alarms: each account and region has one timer. When it is due, what is to be evaluated at that second is
//! evaluated, and the timer is set anew in the same commit as all that came of it. Time that was skipped is gone through in the
//! same steps. An alarm whose metrics have no data and whose state is settled is not evaluated until they have new data.

mod act;
mod board;
mod cascade;
mod evaluate;

mod touched;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use serde_json::json;
use tokio::sync::OwnedMutexGuard;

use sagewright_cloud_core::alarms::AlarmActions;
use sagewright_cloud_core::clock::SimClock;
use sagewright_cloud_core::metrics::Metrics;
use sagewright_cloud_core::outbox::Outbox;
use sagewright_cloud_core::records::{Batch, CommitError, Record, SharedRecords, StoreError, Timer, Write};
use sagewright_cloud_core::timers::Waker;

use crate::alarm::{self, Composite, KIND};
pub(crate) use act::OWNER as ACTIONS;
use board::{Board, Entry};
pub(crate) use evaluate::{Kept, Work};
use touched::Touched;

/// Whose timers evaluate alarms.
pub(crate) const OWNER: &str = "alarms";
/// Data are looked for at each turn, and on a fast clock, where these are many, once in so much of the machine's time.
const LOOK: Duration = Duration::from_secs(1);

/// By account and region.
type Boards = HashMap<(String, String), Arc<tokio::sync::Mutex<Board>>>;

/// What evaluates alarms.
pub(crate) struct Watch {
    pub store: SharedRecords,
    pub metrics: Metrics,
    pub clock: SimClock,
    pub outbox: Outbox,
    waker: OnceLock<Waker>,
    actions: OnceLock<Vec<Arc<dyn AlarmActions>>>,
    touched: Arc<Touched>,
    boards: Mutex<Boards>,
}

/// The alarms of an account and region, held over a change of them.
pub(crate) struct Held {
    pub account: String,
    pub region: String,
    pub board: OwnedMutexGuard<Board>,
}

impl Watch {
    pub fn new(store: SharedRecords, metrics: Metrics, clock: SimClock, outbox: Outbox) -> Self {
        let touched = Arc::new(Touched::default());
        let (seen, now) = (Arc::clone(&touched), clock.clone());
        metrics.watch(Box::new(move |metric, since| {
            let since = since.map_or_else(|| now.now().as_second(), |at| at.div_euclid(1000));
            seen.touch(metric, since);
        }));
        let (waker, actions) = (OnceLock::new(), OnceLock::new());
        Self { store, metrics, clock, outbox, waker, actions, touched, boards: Mutex::default() }
    }

    /// Names the scheduler that runs the timers.
    pub fn wakes(&self, waker: Waker) {
        let _ = self.waker.set(waker);
    }

    /// Names who does actions.
    pub fn acts_by(&self, actions: Vec<Arc<dyn AlarmActions>>) {
        let _ = self.actions.set(actions);
    }

    /// Who does an action.
    fn actor(&self, action: &str) -> Option<&Arc<dyn AlarmActions>> {
        self.actions.get().into_iter().flatten().find(|actor| actor.takes(action))
    }

    /// The alarms of an account and region. Who holds them is the only one who changes them.
    pub async fn hold(&self, account: &str, region: &str) -> Result<Held, StoreError> {
        let place = (account.to_owned(), region.to_owned());
        let board = {
            let mut boards = self.boards.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(boards.entry(place.clone()).or_default())
        };
        let mut held = Held { account: place.0, region: place.1, board: board.lock_owned().await };
        if !held.board.loaded {
            self.load(&mut held).await?;
        }
        Ok(held)
    }

    /// Takes up what the store has. All alarms are evaluated when the timer is due: what their metrics got is not known.
    async fn load(&self, held: &mut Held) -> Result<(), StoreError> {
        for name in held.board.alarms.keys().cloned().collect::<Vec<_>>() {
            self.drop_from(held, &name);
        }
        let id = held.timer_id();
        let timers = self.store.due(i64::MAX, usize::MAX).await?;
        let timer = timers.into_iter().find(|timer| timer.id == id);
        let at = timer.as_ref().map_or_else(|| self.clock.now().as_millisecond(), Timer::scheduled);
        held.board.timer = timer.map(|timer| timer.due);
        for record in self.store.list(&held.account, &held.region, KIND).await? {
            // Just before: it is evaluated then, and not after.
            self.place(held, &record, at - 1);
        }
        held.board.loaded = true;
        Ok(())
    }

    /// Takes an alarm up as it is now: it is evaluated at the next turn.
    pub fn place(&self, held: &mut Held, record: &Record, at: i64) {
        self.drop_from(held, &record.key.name);
        let mut entry = Entry::new(record, at);
        entry.repeats = self.repeats(record);
        let (account, region) = (&record.key.account, &record.key.region);
        let read = if alarm::type_of(record) == alarm::METRIC {
            alarm::measured(account, region, alarm::config(record)).map(|measured| entry.measured = Some(measured))
        } else {
            Composite::read(alarm::config(record), account, region).map(|composite| entry.composite = Some(composite))
        };
        if let Err(error) = read {
            tracing::error!(alarm = record.arn, error = error.message, "an alarm cannot be read; it is not evaluated");
        }
        entry.measured.iter().flat_map(alarm::Measured::metrics).for_each(|wanted| self.touched.watch(&wanted.metric));
        entry.evaluate_after(entry.after);
        held.board.add(&record.key.name, entry);
    }

    /// An alarm is gone.
    pub fn drop_from(&self, held: &mut Held, name: &str) {
        held.board.remove(name).iter().for_each(|metric| self.touched.leave(metric));
    }

    /// Commits what was done with alarms that are held, with the timer of what is to be done next.
    pub async fn commit(&self, held: &mut Held, mut batch: Batch) -> Result<(), CommitError> {
        let due = held.board.wake(self.clock.now().as_millisecond());
        let sooner = soonest(&batch);
        let set = match (held.board.timer, due) {
            (known, Some(due)) if known.is_none_or(|known| due < known) => Some(due),
            _ => None,
        };
        if let Some(due) = set {
            batch.push(Write::SetTimer(held.timer(due)));
        }
        match self.store.commit(batch).await {
            Ok(()) => {
                held.board.timer = set.or(held.board.timer);
                self.wake(set.into_iter().chain(sooner).min());
                self.outbox.wake();
                Ok(())
            }
            Err(error) => {
                held.board.loaded = false;
                Err(error)
            }
        }
    }

    fn wake(&self, due: Option<i64>) {
        if let (Some(waker), Some(due)) = (self.waker.get(), due) {
            waker.wake_by(due);
        }
    }

    /// Does a timer.
    pub async fn due(&self, timer: Timer) -> Result<(), StoreError> {
        let text = |member: &str| timer.body[member].as_str().unwrap_or_default();
        let mut held = self.hold(text("account"), text("region")).await?;
        let done = self.turn(&mut held, &timer).await;
        if done.is_err() {
            held.board.loaded = false;
        }
        done
    }

    async fn turn(&self, held: &mut Held, timer: &Timer) -> Result<(), StoreError> {
        // What was counted is known from here on.
        self.metrics.flush().await?;
        for (metric, since) in self.touched.take(&held.account, &held.region) {
            held.board.touched(&metric, since);
        }
        let at = held.board.first().filter(|at| at.saturating_mul(1000) <= timer.due);
        let mut batch = match at {
            Some(at) => self.evaluate(held, at).await?,
            None => Batch::new(),
        };
        let pause = self.clock.during(LOOK).saturating_sub(LOOK).as_millis();
        let now = self.clock.now().as_millisecond().saturating_add(i64::try_from(pause).unwrap_or(0));
        let due = held.board.wake(now);
        batch.push(Write::CancelTimer { id: timer.id.clone(), due: timer.due });
        batch.extend(due.map(|due| Write::SetTimer(held.timer(due))));
        let sooner = soonest(&batch);
        match self.store.commit(batch).await {
            Ok(()) => {
                held.board.timer = due;
                self.outbox.wake();
            }
            // It is done again at once.
            Err(CommitError::Conflict(_)) => held.board.loaded = false,
            Err(CommitError::Store(error)) => return Err(error),
        }
        self.wake(sooner.or(Some(timer.due)));
        Ok(())
    }
}

/// When the first timer of a batch is due.
fn soonest(batch: &[Write]) -> Option<i64> {
    let timers = batch.iter().filter_map(|write| match write {
        Write::SetTimer(timer) => Some(timer.due),
        _ => None,
    });
    timers.min()
}

impl Held {
    fn timer_id(&self) -> String {
        format!("{OWNER}:{}:{}", self.account, self.region)
    }

    fn timer(&self, due: i64) -> Timer {
        Timer { id: self.timer_id(), due, body: json!({"account": self.account, "region": self.region}) }
    }
}
