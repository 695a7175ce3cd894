//! News of status changes inside the process, for EventBridge and for whoever waits.

use tokio::sync::broadcast;

use super::resource::Kind;

/// A resource entered a status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateChange {
    /// Kind of the resource.
    pub kind: Kind,
    /// Its ARN.
    pub arn: String,
    /// The status it entered; `Deleted` when it is gone.
    pub status: String,
}

/// How many changes a slow subscriber may be behind before it misses some.
const BACKLOG: usize = 1024;

/// A channel for news; subscribers that are far behind miss some.
#[must_use]
pub fn channel() -> broadcast::Sender<StateChange> {
    broadcast::channel(BACKLOG).0
}

/// What the last process left could not be taken up.
#[derive(Debug, thiserror::Error)]
#[error("the jobs and endpoints of the last run could not be taken up: {0}")]
pub struct ResumeError(String);

impl From<sagewright_cloud_core::records::StoreError> for ResumeError {
    fn from(error: sagewright_cloud_core::records::StoreError) -> Self {
        Self(error.to_string())
    }
}

impl From<sagewright_cloud_core::api::ApiError> for ResumeError {
    fn from(error: sagewright_cloud_core::api::ApiError) -> Self {
        Self(error.message)
    }
}
