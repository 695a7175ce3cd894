//! Metrics that there are.

pub(crate) mod list;
