//! CloudWatch Logs: streams of events in files, and the service over them.

mod service;
mod service_events;
mod service_filter;
mod service_groups;
mod service_streams;
mod service_tags;
pub mod streams;

pub use service::LogsService;
pub use streams::{Event, Streams};
