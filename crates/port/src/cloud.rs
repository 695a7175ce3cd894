//! The one port to the cloud. Dry run, rate limits, retries, tracing, audit and fault injection are layers on it.

mod class;
mod error;

use std::time::Duration;

use async_trait::async_trait;
use sagewright_model::{AccountId, Region};
use serde_json::Value;

pub use class::Class;
pub use error::{CloudError, Stage};

/// Where a call goes: an account, a region, the role that makes it, and the URL it is sent to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Target {
    /// The account, where the caller knows it.
    pub account: Option<AccountId>,
    /// The region.
    pub region: Region,
    /// The role to assume; the ambient identity without one.
    pub role: Option<Role>,
    /// One URL for every service, STS included, instead of the configured one or AWS's own.
    pub endpoint: Option<String>,
}

impl Target {
    /// A region as the ambient identity sees it, at the configured endpoints.
    #[must_use]
    pub fn new(region: Region) -> Self {
        Self { account: None, region, role: None, endpoint: None }
    }
}

/// A role to assume for a call.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Role {
    /// Its ARN.
    pub arn: String,
    /// External id that its trust policy asks for.
    pub external_id: Option<String>,
    /// Name of the session in audit logs.
    pub session_name: Option<String>,
}

/// Which call goes first when a service limits the rate. Greater goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Priority {
    /// A periodic resync of resources that are settled: drift detection, listings for a cache.
    Background,
    /// A read of a resource that is changing: polling the status of a create, an update or a delete.
    Progress,
    /// A write, and a read that a person or a write waits for.
    #[default]
    Interactive,
}

/// One call of one operation.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// Where it goes.
    pub target: Target,
    /// The service: botocore's id, for example `sagemaker`.
    pub service: String,
    /// The operation: AWS's name, for example `DescribeModel`.
    pub operation: String,
    /// Input under AWS's member names. Timestamps are RFC 3339 text and blobs are base64 text, whatever the protocol.
    pub input: Value,
    /// Its place in the queue of a service that limits the rate.
    pub priority: Priority,
    /// How long it may take, queueing and retries included; no limit of the caller's own without one.
    ///
    /// A duration and not a point in time: caller and adapter need not share a clock. A controller's clock may be a
    /// test's, and the adapter's wall clock may be corrected while the call waits.
    pub timeout: Option<Duration>,
}

impl Call {
    /// An interactive call without a limit on its time.
    #[must_use]
    pub fn new(target: &Target, service: &str, operation: &str, input: Value) -> Self {
        Self {
            target: target.clone(),
            service: service.to_owned(),
            operation: operation.to_owned(),
            input,
            priority: Priority::default(),
            timeout: None,
        }
    }

    /// The same call with a priority.
    #[must_use]
    pub fn with_priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    /// The same call, which may take so long.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }
}

/// Calls operations of AWS services.
///
/// Dropping the future cancels the call: it leaves the queue, and nothing more is sent for it.
#[async_trait]
pub trait Cloud: Send + Sync {
    /// Makes a call; gives the output under AWS's member names.
    ///
    /// # Errors
    /// What went wrong; [`CloudError::class`] says whether trying again can help.
    async fn call(&self, call: Call) -> Result<Value, CloudError>;
}
