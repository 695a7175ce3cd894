//! Statistics of one metric.

pub(crate) mod get;
