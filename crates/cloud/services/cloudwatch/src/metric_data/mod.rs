//! Metric data: what is put, and what is read of it.

pub(crate) mod get;
pub(crate) mod page;
pub(crate) mod put;
pub(crate) mod query;
