//! Endpoint configurations: variants, their models and sizes.

mod asynchronous;
pub(super) mod create;
