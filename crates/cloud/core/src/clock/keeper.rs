//! Keeps the simulated clock with the embedded cloud's state, so that a restart never goes back in time.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::change::{Change, ClockError};
use super::setting::{END, Setting, micros};
use super::{Reading, SimClock, Speed};
use crate::records::{Key, Record, SharedRecords, Versioned, Write};

/// How long a fast clock may have run on after it was last written. A process that is killed cannot say when: the next
/// one takes it that time passed at the kept speed for this long, and as on the wall clock from then on.
const LEASE: Duration = Duration::from_secs(10);
/// How often that is renewed.
const RENEWAL: Duration = Duration::from_secs(2);

/// Changes the simulated clock, and writes each change before it can be seen.
#[derive(Debug, Clone)]
pub struct Keeper {
    sim: SimClock,
    store: SharedRecords,
    /// What is written; held while it changes.
    written: Arc<Mutex<Option<Setting>>>,
}

impl Keeper {
    /// Takes up the time that an earlier process left, at a speed. A clock that was never changed stays the wall clock.
    ///
    /// # Errors
    /// The state could not be read or written, or is damaged.
    pub async fn open(sim: SimClock, store: SharedRecords, speed: Speed) -> Result<Self, ClockError> {
        let this = Self { sim, store, written: Arc::default() };
        if let Some(record) = this.store.record(&key()).await? {
            let wall = micros(this.sim.wall().now());
            this.sim.resume(resumed(&record.body, wall).ok_or_else(|| ClockError::Damaged(record.body.to_string()))?);
        }
        this.change(Change { speed: Some(speed), advance: None }).await?;
        Ok(this)
    }

    /// The clock.
    #[must_use]
    pub fn clock(&self) -> &SimClock {
        &self.sim
    }

    /// Changes the clock. Nothing is changed where the change is refused or cannot be written.
    ///
    /// # Errors
    /// It is out of bounds, or the state could not be written.
    pub async fn change(&self, change: Change) -> Result<Reading, ClockError> {
        let mut written = self.written.lock().await;
        let held = self.sim.hold();
        if let Some(setting) = held.changed(change)? {
            self.write(setting, held.wall.saturating_add(lease())).await?;
            *written = Some(setting);
            held.release(Some(setting));
        } else {
            drop(held);
        }
        Ok(self.sim.read())
    }

    /// Renews what is written for as long as the clock is fast, for ever.
    pub async fn run(self) {
        loop {
            self.sim.wall().sleep(RENEWAL).await;
            let mut written = self.written.lock().await;
            let Some(setting) = self.sim.setting() else { continue };
            // The wall clock may have been set back, and the setting with it.
            if setting.speed == Speed::REAL && *written == Some(setting) {
                continue;
            }
            let until = micros(self.sim.wall().now()).saturating_add(lease());
            match self.write(setting, until).await {
                Ok(()) => *written = Some(setting),
                Err(error) => {
                    tracing::error!(%error, "a restart may go back in time: where the fast clock is could not be written")
                }
            }
        }
    }

    /// Has time stand, and writes where it stands.
    ///
    /// # Errors
    /// The state could not be written.
    pub async fn close(&self) -> Result<(), ClockError> {
        let _written = self.written.lock().await;
        let held = self.sim.hold();
        let (setting, until) = (self.sim.setting(), held.wall);
        held.keep();
        match setting {
            Some(setting) => self.write(setting, until).await,
            None => Ok(()),
        }
    }

    async fn write(&self, setting: Setting, until: i64) -> Result<(), ClockError> {
        let found = self.store.get(&key()).await?;
        let Setting { wall, sim, speed } = setting;
        let record = Record {
            key: key(),
            arn: String::new(),
            status: String::new(),
            created: 0,
            modified: 0,
            body: json!({"wall": wall, "sim": sim, "speed": speed.thousandths(), "until": until}),
        };
        let write = match found {
            Some(found) => Write::Replace(Versioned { record, version: found.version }),
            None => Write::Insert(record),
        };
        Ok(self.store.commit(vec![write]).await?)
    }
}

fn key() -> Key {
    Key::new("", "", "clock", "simulated")
}

fn lease() -> i64 {
    i64::try_from(LEASE.as_micros()).unwrap_or(0)
}

/// Where the clock that was kept stands at a time of the wall clock: while nothing ran, time passed as on that.
fn resumed(body: &Value, wall: i64) -> Option<Setting> {
    let number = |name: &str| body.get(name).and_then(Value::as_i64);
    let speed = Speed::new(f64::from(u32::try_from(number("speed")?).ok()?) / 1000.0).ok()?;
    let kept = Setting { wall: number("wall")?, sim: number("sim").filter(|sim| *sim <= END)?, speed };
    let until = number("until")?;
    let sim = kept.at(wall.min(until)).saturating_add(wall.saturating_sub(until).max(0)).min(END);
    Some(Setting { wall, sim, speed: Speed::REAL })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;

    #[test]
    fn a_restart_goes_on_at_the_wall_clocks_pace_and_never_back() {
        let body = json!({"wall": 100 * SECOND, "sim": 1000 * SECOND, "speed": 60_000, "until": 110 * SECOND});
        for (wall, sim) in [(100, 1000), (101, 1060), (110, 1600), (111, 1601), (710, 2200), (50, 1000)] {
            let wall = wall * SECOND;
            let wanted = Setting { wall, sim: sim * SECOND, speed: Speed::REAL };
            assert_eq!(resumed(&body, wall), Some(wanted), "{wall}");
        }
        for damaged in [json!({}), json!({"wall": 0, "sim": i64::MAX, "speed": 1000, "until": 0}), json!(7)] {
            assert_eq!(resumed(&damaged, 0), None, "{damaged}");
        }
    }
}
