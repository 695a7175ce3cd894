//! Training jobs: checked at creation, run by the trainer, recorded as they go by their state machine.

pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod describe;
pub(crate) mod list;
pub(crate) mod machine;
mod old;
mod pool;
mod progress;
pub(crate) mod reuse;
mod run;
pub(crate) mod stop;
pub(crate) mod update;
