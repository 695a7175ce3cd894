//! The two clocks of the embedded cloud. They are different types, so that neither is taken for the other.
//!
//! [`Wall`] is the machine's: processes, HTTP, signatures, credentials. [`SimClock`] is AWS's: what resources show as
//! their times, and what happens to them by itself. It can be sped up and advanced.

mod change;
mod keeper;
mod setting;
mod sim;
mod speed;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::Timestamp;

pub use change::{Change, ClockError, MOST_AT_ONCE};
pub use keeper::Keeper;
pub use setting::Setting;
pub use sim::{Reading, SimClock, SimTime};
pub use speed::{Speed, SpeedError};

/// Tells and waits for the machine's time.
pub trait Wall: Send + Sync + 'static {
    /// The current time.
    fn now(&self) -> Timestamp;
    /// Completes when `duration` has passed on this clock.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;
}

/// A shared wall clock.
pub type SharedWall = Arc<dyn Wall>;

/// The machine's own wall clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemWall;

impl Wall for SystemWall {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}
