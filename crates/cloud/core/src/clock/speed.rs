//! How fast simulated time passes.

use std::fmt;
use std::str::FromStr;

/// Simulated seconds in a second of the wall clock: from 1 to 10,000, in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Speed(u32);

/// Why a number is not a speed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error(
    "the speed '{0}' is not a number from 1 to 10000 (simulated seconds in a second); time is never slower than the \
     machine's, and is skipped at once by sagewright local clock --advance 30d"
)]
pub struct SpeedError(String);

impl Speed {
    /// As fast as the wall clock.
    pub const REAL: Self = Self(1000);
    /// The fastest. A day takes less than nine seconds; one millisecond, the finest that a sleep tells, ten.
    pub const FASTEST: Self = Self(10_000_000);

    /// A speed from a number.
    ///
    /// # Errors
    /// It is not from 1 to 10,000.
    pub fn new(factor: f64) -> Result<Self, SpeedError> {
        let thousandths = (factor * 1000.0).round();
        // False for what is not a number, too.
        if !(f64::from(Self::REAL.0)..=f64::from(Self::FASTEST.0)).contains(&thousandths) {
            return Err(SpeedError(factor.to_string()));
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the bounds above")]
        Ok(Self(thousandths as u32))
    }

    /// Simulated seconds in a second.
    #[must_use]
    pub fn factor(self) -> f64 {
        f64::from(self.0) / 1000.0
    }

    /// Simulated seconds in a thousand seconds.
    #[must_use]
    pub fn thousandths(self) -> u32 {
        self.0
    }
}

impl FromStr for Speed {
    type Err = SpeedError;

    fn from_str(text: &str) -> Result<Self, SpeedError> {
        let wrong = |_| SpeedError(text.to_owned());
        text.parse::<f64>().map_err(wrong).and_then(Self::new).map_err(|_| SpeedError(text.to_owned()))
    }
}

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.factor().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_have_bounds_and_what_is_beyond_them_is_refused() {
        for (text, wanted) in [("1", 1000), ("1.0", 1000), ("60", 60_000), ("2.5", 2500), ("10000", 10_000_000)] {
            assert_eq!(text.parse::<Speed>().unwrap().thousandths(), wanted, "{text}");
        }
        for text in ["", "0", "-1", "0.5", "0.99", "10000.1", "1e99", "inf", "-inf", "NaN", "1x", "x", "60 "] {
            let error = text.parse::<Speed>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("the speed '{text}' is not a number from 1 to 10000")), "{error}");
        }
    }
}
