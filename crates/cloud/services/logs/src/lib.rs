//! CloudWatch Logs: streams of events in files, and the service over them.

mod block;
mod index;
mod line;
pub mod page;
mod removed;
mod service;
mod service_events;
mod service_filter;
mod service_groups;
mod service_recovery;
mod service_streams;
mod service_tags;
pub mod streams;

pub use index::Summary;
pub use removed::Removed;
pub use sagewright_cloud_core::logs::Event;
pub use service::{LogsService, OPERATIONS};
pub use streams::Streams;
