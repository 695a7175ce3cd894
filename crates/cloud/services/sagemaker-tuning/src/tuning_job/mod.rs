//! Tuning jobs: checked at creation, decided by their state machine, driven until they have ended.

pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod describe;
mod driver;
pub(crate) mod list_training_jobs;
pub(crate) mod machine;
mod show;
mod state;
pub(crate) mod stop;
mod warm_start;
