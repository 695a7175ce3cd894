//! One value that was logged.

use sagewright_cloud_core::api::Call;
use sagewright_cloud_sagemaker_base::listing::millis;
use serde_json::{Value, json};

/// How old a value may be, and how far ahead of the clock, in milliseconds: "between two weeks before and two hours from now".
const PAST: i64 = 14 * 24 * 3600 * 1000;
const AHEAD: i64 = 2 * 3600 * 1000;

/// A value with its time in milliseconds since 1970 and, where it has one, its step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    pub at: i64,
    pub step: Option<i64>,
    pub value: f64,
}

impl Point {
    /// As a request gives it; `None` where it is not a number, or not of now. Programs go by the machine's clock, the cloud's may
    /// have been put forward: either will do.
    pub fn given(call: &Call, datum: &Value) -> Option<Self> {
        let value = datum["Value"].as_f64().filter(|value| value.is_finite())?;
        #[allow(clippy::cast_possible_truncation)] // bounded by the check below
        let at = millis("Timestamp", &datum["Timestamp"]).ok()? as i64;
        let (sim, wall) = (call.now.as_millisecond(), call.wall.as_millisecond());
        let fits = (sim.min(wall) - PAST..=sim.max(wall) + AHEAD).contains(&at);
        fits.then_some(Self { at, step: datum["Step"].as_i64(), value })
    }

    /// As it is kept.
    pub fn stored(&self) -> Value {
        json!([self.at, self.step, self.value])
    }

    /// As it was kept.
    pub fn read(stored: &Value) -> Option<Self> {
        Some(Self { at: stored[0].as_i64()?, step: stored[1].as_i64(), value: stored[2].as_f64()? })
    }
}
