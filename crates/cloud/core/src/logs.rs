//! What jobs and endpoints need of CloudWatch Logs, inside the process.

use serde::{Deserialize, Serialize};

/// One event of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When it happened, milliseconds since 1970.
    #[serde(rename = "t")]
    pub timestamp: i64,
    /// When it was stored, milliseconds since 1970.
    #[serde(rename = "i")]
    pub ingested: i64,
    /// Text.
    #[serde(rename = "m")]
    pub message: String,
}

/// Takes events of log streams. Groups and streams exist as soon as an event is written.
pub trait LogSink: Send + Sync + 'static {
    /// Appends events to a stream. The call blocks.
    ///
    /// # Errors
    /// The disk refused the write.
    fn append(&self, account: &str, region: &str, group: &str, stream: &str, events: &[Event]) -> std::io::Result<()>;
}
