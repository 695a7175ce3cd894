//! What the services of the embedded cloud share.

use std::path::PathBuf;
use std::sync::Arc;

use crate::clock::{SharedWall, SimClock};
use crate::logs::LogSink;
use crate::metrics::Metrics;
use crate::objects::Objects;
use crate::records::SharedRecords;
use crate::runner::Runner;

/// Shared state and ports; cheap to clone.
#[derive(Clone)]
pub struct Env {
    /// Records of all services.
    pub store: SharedRecords,
    /// Log streams.
    pub logs: Arc<dyn LogSink>,
    /// CloudWatch's metrics.
    pub metrics: Metrics,
    /// Objects of the embedded S3.
    pub objects: Arc<dyn Objects>,
    /// Where jobs and model servers run.
    pub runner: Arc<dyn Runner>,
    /// The machine's time: processes, time-outs, retries.
    pub wall: SharedWall,
    /// AWS's time: what resources show, and what happens to them by itself.
    pub sim: SimClock,
    /// Folder for work in progress: job folders, unpacked models.
    pub work: PathBuf,
}
