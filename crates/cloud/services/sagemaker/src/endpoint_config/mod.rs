//! Endpoint configurations: variants, their models and sizes.

pub(super) mod create;
