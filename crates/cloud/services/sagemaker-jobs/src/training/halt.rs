//! Why a job ends before its time.

use std::fs;
use std::io::{self, Read as _};

use tokio::task::JoinError;

use super::folder::{FAILURE, HostFolder};
use sagewright_cloud_core::limits;
use sagewright_cloud_core::runner::{Exit, RunnerError};
use sagewright_cloud_sagemaker_base::resource::MAX_REASON;
use sagewright_cloud_transfer::fetch::FetchError;
use sagewright_cloud_transfer::plain;

/// Why a job does not go on.
pub(super) enum Halt {
    /// `FailureReason`.
    Failed(String),
    /// It was ended from outside, and has nothing to keep.
    Stopped {
        /// By its time limit, and not by a caller.
        max_runtime: bool,
    },
}

impl From<String> for Halt {
    fn from(reason: String) -> Self {
        Self::Failed(reason)
    }
}

impl From<RunnerError> for Halt {
    fn from(error: RunnerError) -> Self {
        Self::Failed(format!("ClientError: {error}"))
    }
}

impl From<JoinError> for Halt {
    fn from(error: JoinError) -> Self {
        Self::Failed(format!("InternalServerError: a task of the job broke off: {error}"))
    }
}

/// Why the containers no longer run.
pub(super) enum Cause {
    Exited,
    Crashed(usize, Exit),
    Stopped,
    TimedOut,
    /// Data could not be streamed, for this `FailureReason`.
    Starved(String),
}

impl Cause {
    /// `FailureReason`, unless the job ended well or was ended.
    pub fn failure(&self, hosts: &[HostFolder]) -> Option<String> {
        match self {
            Self::Crashed(host, exit) => Some(failure(hosts.get(*host), *exit)),
            Self::Starved(reason) => Some(reason.clone()),
            Self::Exited | Self::Stopped | Self::TimedOut => None,
        }
    }
}

/// `FailureReason` of a container that ended badly: what it wrote to `output/failure`, and its exit code.
fn failure(host: Option<&HostFolder>, exit: Exit) -> String {
    let written = host.and_then(|host| told(host).ok()).unwrap_or_default();
    let text: String = String::from_utf8_lossy(&written).chars().take(MAX_REASON).collect();
    let end = format!(", exit code: {}", exit.code());
    // The exit code is kept where the text alone would fill the reason.
    let room = MAX_REASON - "AlgorithmError: ".len() - end.len();
    let text: String = text.trim_end().chars().take(room).collect();
    format!("AlgorithmError: {text}{end}")
}

/// What the program wrote about its failure: the beginning of a plain file of its own. A link or a pipe in its place could
/// tell of other files, or never end.
fn told(host: &HostFolder) -> io::Result<Vec<u8>> {
    let file = plain::open(&fs::canonicalize(&host.base)?.join(FAILURE))?;
    let mut text = Vec::new();
    file.take(limits::FAILURE_FILE).read_to_end(&mut text)?;
    Ok(text)
}

/// `FailureReason` of data that cannot be had; `None` if it was stopped.
pub(super) fn reason(error: FetchError) -> Option<String> {
    match error {
        FetchError::Cancelled => None,
        // Disk trouble is ours, not the request's.
        error @ FetchError::Disk { .. } => Some(format!("InternalServerError: Data download failed:{error}")),
        error => Some(format!("ClientError: Data download failed:{error}")),
    }
}
