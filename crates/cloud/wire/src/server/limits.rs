//! Bounds on what clients can hold, whether or not they are believed. `docs/embedded-cloud.md`, "Limits", tells them.

use std::time::Duration;

use rustix::process::{Resource, getrlimit, setrlimit};

/// Bounds on connections, and on requests before their signature is checked.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections at a time; never more than half of the files that the process may have open.
    pub connections: usize,
    /// Longest time for a request's line and headers, from the end of the answer before it: an idle connection ends then, too.
    pub headers_within: Duration,
    /// A body has to bring [`Limits::body_least`] bytes in each such time that the server waits for it.
    pub body_window: Duration,
    /// Bytes.
    pub body_least: u64,
    /// Longest time for a body that is read whole, of all services but S3.
    pub body_within: Duration,
    /// Longest time for which the body of a refused request is read on, so that the client gets to read why.
    pub refused_within: Duration,
    /// Bytes of bodies, all together, that are held before their signature is checked.
    pub unverified_bytes: u32,
    /// How long a request waits for room among these.
    pub room_within: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4096,
            headers_within: Duration::from_secs(60),
            body_window: Duration::from_secs(20),
            body_least: 16 * 1024,
            body_within: Duration::from_secs(300),
            refused_within: Duration::from_secs(5),
            unverified_bytes: 128 * 1024 * 1024,
            room_within: Duration::from_secs(20),
        }
    }
}

impl Limits {
    /// The number of connections that the process's open files allow.
    pub(super) fn connections(&self) -> usize {
        let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        self.connections.min(usize::try_from(files / 2).unwrap_or(usize::MAX)).max(1)
    }
}

/// As many open files as a cloud ever needs. More only slows down programs that close all that they might have open.
const OPEN_FILES: u64 = 65_536;

/// Raises this process's limit of open files as far as it may be raised.
pub fn raise_open_files() {
    let mut limit = getrlimit(Resource::Nofile);
    // macOS refuses more than this, whatever its hard limit says.
    let most = if cfg!(target_vendor = "apple") { 10_240 } else { OPEN_FILES };
    let wanted = limit.maximum.unwrap_or(u64::MAX).min(most);
    if limit.current.is_some_and(|current| current < wanted) {
        limit.current = Some(wanted);
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            tracing::warn!(%error, wanted, "the limit of open files cannot be raised");
        }
    }
}
