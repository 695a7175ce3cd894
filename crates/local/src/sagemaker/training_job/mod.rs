//! Training jobs: checked at creation, queued, run by the trainer, recorded as they go.

mod channels;
pub(super) mod create;
pub(super) mod delete;
pub(super) mod describe;
pub(super) mod list;
pub(super) mod progress;
pub(super) mod schedule;
pub(super) mod stop;
pub(super) mod update;
