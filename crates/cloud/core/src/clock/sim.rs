//! The simulated clock: over a wall clock, until it is changed the same as that.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio::sync::watch;

use super::change::{Change, ClockError};
use super::setting::{Setting, micros, timestamp};
use super::{SharedWall, Speed};

/// How long a sleeper trusts its wake-up: the machine may have been suspended, or its clock set.
const LOOK: Duration = Duration::from_secs(60);

/// A simulated time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SimTime(Timestamp);

impl SimTime {
    /// A time that was kept as milliseconds since 1970.
    #[must_use]
    pub fn from_millisecond(milliseconds: i64) -> Self {
        let out = if milliseconds < 0 { Timestamp::MIN } else { Timestamp::MAX };
        Self(Timestamp::from_millisecond(milliseconds).unwrap_or(out))
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub fn as_millisecond(self) -> i64 {
        self.0.as_millisecond()
    }

    /// Seconds since 1970.
    #[must_use]
    pub fn as_second(self) -> i64 {
        self.0.as_second()
    }

    /// The time, as if it were one of the wall clock: for output, not to be compared with that.
    #[must_use]
    pub fn timestamp(self) -> Timestamp {
        self.0
    }
}

/// What the clocks tell at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// The simulated time.
    pub sim: SimTime,
    /// The machine's time.
    pub wall: Timestamp,
    /// How fast the first passes.
    pub speed: Speed,
}

/// Tells and waits for simulated time; cheap to clone. It never goes back, unless it was never changed: then it is the
/// wall clock, whatever that does.
#[derive(Clone)]
pub struct SimClock(Arc<Inner>);

struct Inner {
    wall: SharedWall,
    state: Mutex<State>,
    /// Wakes sleepers.
    changed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct State {
    /// `None` where the clock was never changed.
    setting: Option<Setting>,
    /// The latest time that was told, in microseconds.
    told: i64,
    /// Time stands while a change is written.
    stands: bool,
}

impl fmt::Debug for SimClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SimClock").field(&*self.state()).finish()
    }
}

impl SimClock {
    /// A clock that is its wall clock until it is changed.
    #[must_use]
    pub fn new(wall: SharedWall) -> Self {
        Self(Arc::new(Inner { wall, state: Mutex::default(), changed: watch::Sender::new(()) }))
    }

    /// The current simulated time.
    #[must_use]
    pub fn now(&self) -> SimTime {
        SimTime(self.state().now(self.0.wall.now()))
    }

    /// Both times and the speed.
    #[must_use]
    pub fn read(&self) -> Reading {
        let mut state = self.state();
        let wall = self.0.wall.now();
        Reading { sim: SimTime(state.now(wall)), wall, speed: state.speed() }
    }

    /// Completes when so much simulated time has passed, or was skipped.
    pub fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let until = self.now().0.saturating_add(duration).unwrap_or(Timestamp::MAX);
        self.sleep_until(SimTime(until))
    }

    /// Completes at a simulated time.
    pub fn sleep_until(&self, until: SimTime) -> BoxFuture<'static, ()> {
        let clock = self.clone();
        Box::pin(async move {
            let mut changed = clock.0.changed.subscribe();
            loop {
                changed.borrow_and_update();
                let woken = match clock.left(until) {
                    Some(Duration::ZERO) => return,
                    Some(left) => {
                        let late = clock.0.wall.sleep(left.min(LOOK));
                        tokio::select! {
                            () = late => continue,
                            woken = changed.changed() => woken,
                        }
                    }
                    None => changed.changed().await,
                };
                // The sender is in this clock.
                debug_assert!(woken.is_ok());
            }
        })
    }

    /// Changes the clock for as long as this process lives.
    ///
    /// # Errors
    /// The change is out of bounds.
    pub fn change(&self, change: Change) -> Result<Reading, ClockError> {
        let held = self.hold();
        let setting = held.changed(change)?;
        held.release(setting);
        Ok(self.read())
    }

    /// How much simulated time passes in a time of the wall clock, at the speed of now.
    #[must_use]
    pub fn during(&self, wall: Duration) -> Duration {
        let speed = self.state().speed();
        wall.saturating_mul(speed.thousandths()) / 1000
    }

    /// The wall clock below.
    #[must_use]
    pub fn wall(&self) -> &SharedWall {
        &self.0.wall
    }

    pub(super) fn setting(&self) -> Option<Setting> {
        self.state().setting
    }

    /// Takes up an earlier process's time.
    pub(super) fn resume(&self, setting: Setting) {
        self.state().setting = Some(setting);
        self.0.changed.send_replace(());
    }

    /// Has time stand until it is released, so that what is written is what is told next.
    pub(super) fn hold(&self) -> Held<'_> {
        let mut state = self.state();
        let wall = self.0.wall.now();
        let now = state.now(wall);
        state.told = micros(now);
        state.stands = true;
        Held { clock: self, wall: micros(wall), sim: micros(now) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long the wall clock takes until then; `None` while time stands.
    fn left(&self, until: SimTime) -> Option<Duration> {
        let mut state = self.state();
        let wall = self.0.wall.now();
        let now = state.now(wall);
        if now >= until.0 {
            return Some(Duration::ZERO);
        }
        if state.stands {
            return None;
        }
        let left = match state.setting {
            Some(setting) => setting.until(micros(wall), micros(until.0)),
            None => Duration::try_from(until.0.duration_since(now)).unwrap_or_default(),
        };
        Some(left.max(Duration::from_nanos(1)))
    }
}

impl State {
    fn now(&mut self, wall: Timestamp) -> Timestamp {
        if self.stands {
            return timestamp(self.told);
        }
        let Some(setting) = self.setting else { return wall };
        let wall = micros(wall);
        let now = setting.at(wall);
        if now < self.told {
            // The wall clock was set back; the simulation goes on from where it was.
            self.setting = Some(Setting { wall, sim: self.told, ..setting });
        } else {
            self.told = now;
        }
        timestamp(self.told)
    }

    fn speed(&self) -> Speed {
        self.setting.map_or(Speed::REAL, |setting| setting.speed)
    }
}

/// Time stands. Dropping this has it go on as if it had not.
pub(super) struct Held<'c> {
    clock: &'c SimClock,
    /// Microseconds since 1970.
    pub(super) wall: i64,
    sim: i64,
}

impl Held<'_> {
    /// The setting after a change; `None` where it leaves the clock the wall clock.
    pub(super) fn changed(&self, change: Change) -> Result<Option<Setting>, ClockError> {
        let state = self.clock.state();
        let setting = change.made(self.wall, self.sim, state.speed())?;
        let same = setting.sim == self.sim && setting.speed == state.speed();
        Ok(if same { state.setting } else { Some(setting) })
    }

    pub(super) fn release(self, setting: Option<Setting>) {
        self.clock.state().setting = setting;
    }

    /// Time stands for good.
    pub(super) fn keep(self) {
        std::mem::forget(self);
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.clock.state().stands = false;
        self.clock.0.changed.send_replace(());
    }
}
