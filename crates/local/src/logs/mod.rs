//! CloudWatch Logs: streams of events in files.

pub mod streams;

pub use streams::{Event, Streams};
