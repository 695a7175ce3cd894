//! What becomes of an alarm by its data: pure.

mod decide;
mod reason;
#[cfg(test)]
mod tests;

pub(crate) use decide::{Comparison, Missing, Point, Rule, Verdict, decide, is_low};
pub(crate) use reason::{Reason, reason, stamp};
