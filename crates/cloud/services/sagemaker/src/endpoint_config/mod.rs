//! Endpoint configurations: variants, their models and sizes.

pub(super) mod create;
pub(super) mod delete;
pub(super) mod describe;
pub(super) mod list;
