//! Training jobs: checked at creation, queued, run by the trainer, recorded as they go.

mod attempts;
mod channels;
pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod describe;
pub(crate) mod list;
pub(crate) mod progress;
pub(crate) mod schedule;
pub(crate) mod stop;
pub(crate) mod update;
