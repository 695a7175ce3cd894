//! What becomes of an alarm by its data: pure.

mod decide;
mod reason;
mod rule;
#[cfg(test)]
mod tests;

pub(crate) use decide::{Comparison, Point, Rule, Treatment, Verdict, decide, is_low};
pub(crate) use reason::{Reason, reason, stamp, written};
pub(crate) use rule::{AlarmRule, NoRule, name_of};
