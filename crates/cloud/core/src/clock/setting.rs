//! The arithmetic of simulated time: pure, in whole microseconds.

use std::time::Duration;

use jiff::Timestamp;

use super::Speed;

/// Where simulated time ends, the start of the year 9000: dates before it have the four digits that AWS's formats have.
pub(super) const END: i64 = 221_845_392_000 * 1_000_000;

/// At one moment of the wall clock it was this time in the simulation, which passes at this speed from there on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// Microseconds since 1970 on the wall clock.
    pub wall: i64,
    /// Microseconds since 1970 in the simulation.
    pub sim: i64,
    /// From there on.
    pub speed: Speed,
}

impl Setting {
    /// The simulated time at a time of the wall clock, in microseconds. Never before the setting was made; stands at the
    /// start of the year 9000.
    #[must_use]
    pub fn at(self, wall: i64) -> i64 {
        let passed = i128::from(wall.saturating_sub(self.wall).max(0));
        let simulated = passed * i128::from(self.speed.thousandths()) / 1000;
        i64::try_from(i128::from(self.sim) + simulated).unwrap_or(END).min(END)
    }

    /// How long the wall clock takes until a simulated time; zero where it has come.
    #[must_use]
    pub fn until(self, wall: i64, sim: i64) -> Duration {
        let simulated = i128::from(sim) - i128::from(self.at(wall));
        // Rounded up, so that nobody wakes too early.
        let speed = i128::from(self.speed.thousandths());
        Duration::from_micros(u64::try_from((simulated * 1000 + speed - 1).div_euclid(speed)).unwrap_or(0))
    }
}

/// Of a time, rounded down.
pub(super) fn micros(time: Timestamp) -> i64 {
    time.as_microsecond()
}

/// A time within the simulation's bounds.
pub(super) fn timestamp(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;

    fn setting(speed: f64) -> Setting {
        Setting { wall: 1000 * SECOND, sim: 5000 * SECOND, speed: Speed::new(speed).unwrap() }
    }

    #[test]
    fn time_passes_at_the_speed_and_never_before_the_setting() {
        for (speed, wall, sim) in [
            (1.0, 1000, 5000),
            (1.0, 1007, 5007),
            (60.0, 1060, 8600),
            (2.5, 1002, 5005),
            (10_000.0, 1001, 15_000),
            (60.0, 999, 5000),
            (60.0, i64::MIN / SECOND, 5000),
        ] {
            assert_eq!(setting(speed).at(wall * SECOND), sim * SECOND, "{speed} {wall}");
        }
        assert_eq!(setting(10_000.0).at(i64::MAX), END);
        assert_eq!(Setting { sim: END - 1, ..setting(1.0) }.at(1001 * SECOND), END);
    }

    #[test]
    fn a_wait_is_no_shorter_than_it_has_to_be_and_no_longer_than_a_microsecond_more() {
        for speed in [1.0, 1.001, 3.0, 7.777, 60.0, 1000.0, 10_000.0] {
            let setting = setting(speed);
            for ahead in [0, 1, 2, 999, 1000, SECOND - 1, SECOND, 86_400 * SECOND] {
                let wall = 1234 * SECOND + 567;
                let target = setting.at(wall) + ahead;
                let wait = i64::try_from(setting.until(wall, target).as_micros()).unwrap();
                assert!(setting.at(wall + wait) >= target, "{speed} {ahead}");
                assert!(wait == 0 || setting.at(wall + wait - 2) < target, "{speed} {ahead}");
            }
            assert_eq!(setting.until(1234 * SECOND, 0), Duration::ZERO);
            assert_eq!(setting.until(1234 * SECOND, i64::MIN), Duration::ZERO);
            assert!(setting.until(0, i64::MAX) > Duration::from_secs(86_400));
        }
    }
}
