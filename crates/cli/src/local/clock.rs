//! The simulated clock of an embedded cloud that is up.

use std::time::Duration;

use sagewright_cloud::server::control;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ServerFile;
use crate::exit::{Exit, Failure};
use crate::output::{Table, amount};

/// What its clocks tell.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Clocks {
    /// AWS's time, as RFC 3339 text.
    simulated: String,
    /// The machine's.
    wall: String,
    /// How far the first is ahead.
    ahead_seconds: i64,
    /// Simulated seconds in a second.
    pub(crate) speed: f64,
}

impl Clocks {
    /// Whether the simulated clock is the machine's.
    pub(crate) fn is_wall(&self) -> bool {
        self.ahead_seconds == 0 && self.speed <= 1.0
    }

    /// AWS's time.
    pub(crate) fn simulated(&self) -> Option<jiff::Timestamp> {
        self.simulated.parse().ok()
    }

    /// For people.
    pub(crate) fn table(&self) -> Table {
        let ahead = Duration::from_secs(u64::try_from(self.ahead_seconds).unwrap_or(0));
        let mut table = Table::new(["SIMULATED TIME", "MACHINE'S TIME", "AHEAD BY", "SPEED"]);
        table.row([self.simulated.clone(), self.wall.clone(), amount::time(ahead), self.speed.to_string()]);
        table
    }
}

/// Asks a cloud for its clocks; changes the simulated one first, where a change is given.
pub(crate) async fn ask(server: &ServerFile, change: Option<&Value>) -> Result<Clocks, Failure> {
    let failed = |message: String| Failure::new(Exit::Failed, message);
    let (address, pass) = server.control()?;
    let told = control::ask(address, pass, change).await.map_err(|error| failed(error.to_string()))?;
    serde_json::from_value(told).map_err(|error| failed(format!("the embedded cloud told the time wrongly: {error}")))
}
