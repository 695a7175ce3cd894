//! Application Auto Scaling over a clock that a test drives: CloudWatch's alarms tell it, and what it scales counts.

#![allow(clippy::unwrap_used, clippy::panic, dead_code)]

#[path = "../sagemaker/support/caller.rs"]
mod caller;
#[path = "../sagemaker/support/death.rs"]
mod death;
#[path = "../sagemaker/support/mortal.rs"]
mod mortal;
#[path = "../runner_support/mod.rs"]
mod runner_support;

mod crashes;
mod policies;
mod requests;
mod schedules;
mod support;
