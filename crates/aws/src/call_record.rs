//! What an observer learns of each call.

use std::time::Duration;

/// One finished call, with its retries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallRecord {
    /// Service id.
    pub service: &'static str,
    /// Operation.
    pub operation: String,
    /// Region.
    pub region: String,
    /// Account, where it is known.
    pub account: Option<String>,
    /// How many requests were sent.
    pub attempts: u32,
    /// How many of them were throttled.
    pub throttled: u32,
    /// HTTP status of the last answer.
    pub status: Option<u16>,
    /// Request id of the last answer.
    pub request_id: Option<String>,
    /// Error code, where it failed.
    pub code: Option<String>,
    /// From the start of the call, waiting included.
    pub elapsed: Duration,
}

/// Is told of every finished call: metrics, audit, tests. Must not block.
pub trait Observe: Send + Sync {
    /// A call finished.
    fn observed(&self, call: &CallRecord);
}

impl<F: Fn(&CallRecord) + Send + Sync> Observe for F {
    fn observed(&self, call: &CallRecord) {
        self(call);
    }
}
