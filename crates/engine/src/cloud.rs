//! The one port to the cloud. Dry run, pacing, retries, tracing, audit and fault injection are layers on it.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use sagewright_model::{AccountId, Region};
use serde_json::Value;

/// Where a call goes: an account, a region and the role that makes it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Target {
    /// The account, where the caller knows it.
    pub account: Option<AccountId>,
    /// The region.
    pub region: Region,
    /// The role to assume; the ambient identity without one.
    pub role: Option<Role>,
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

/// Calls one operation of one AWS service.
///
/// Input and output are JSON under AWS's member names. Timestamps are RFC 3339 text and blobs are base64 text,
/// whatever the protocol on the wire.
#[async_trait]
pub trait Cloud: Send + Sync {
    /// Calls `operation` of `service` (botocore's id, for example `sagemaker`).
    ///
    /// # Errors
    /// What went wrong, and whether trying again can help.
    async fn call(&self, target: &Target, service: &str, operation: &str, input: Value) -> Result<Value, CloudError>;
}

/// Where a failed call stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The input does not fit the service model; nothing was sent.
    Input,
    /// No usable credentials, or the role could not be assumed.
    Credentials,
    /// No answer: connection, TLS or time-out.
    Transport,
    /// The service answered with an error.
    Service,
    /// The answer could not be read.
    Answer,
}

/// A call that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloudError {
    /// Service id.
    pub service: String,
    /// Operation.
    pub operation: String,
    /// Where it stopped.
    pub stage: Stage,
    /// AWS's error code, or one of ours in the same style for the stages before it.
    pub code: String,
    /// What was said.
    pub message: String,
    /// HTTP status, where there was an answer.
    pub status: Option<u16>,
    /// AWS's request id, where there was an answer.
    pub request_id: Option<String>,
    /// Whether the same call may succeed later.
    pub retryable: bool,
    /// How long the service asks to wait.
    pub retry_after: Option<Duration>,
}

impl CloudError {
    /// Whether the service slowed the caller down.
    #[must_use]
    pub fn is_throttle(&self) -> bool {
        matches!(
            self.code.as_str(),
            "ThrottlingException"
                | "Throttling"
                | "ThrottledException"
                | "RequestLimitExceeded"
                | "TooManyRequestsException"
                | "RequestThrottled"
                | "RequestThrottledException"
                | "SlowDown"
                | "BandwidthLimitExceeded"
                | "LimitExceededException"
                | "PriorRequestNotComplete"
                | "TransactionInProgressException"
                | "EC2ThrottledException"
                | "ProvisionedThroughputExceededException"
        ) || self.status == Some(429)
    }
}

impl CloudError {
    /// What to do about it, where that follows from the error alone; empty otherwise.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        match (self.stage, self.code.as_str()) {
            (Stage::Credentials, "NoCredentials") => "for the embedded cloud: eval \"$(sagewright local env)\"",
            (_, "ExpiredToken" | "ExpiredTokenException") => {
                "the session is over: sign in again, or get new credentials"
            }
            (Stage::Credentials, _) => "check the AWS profile, the keys and the role",
            // The message of a refused connection says itself what to do.
            (Stage::Transport, _) if self.message.contains("is `sagewright local up` running?") => "",
            (Stage::Transport, _) => "check the network and AWS_ENDPOINT_URL",
            (_, "AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation") => {
                "the role that makes the call needs a policy that allows it"
            }
            (_, "ResourceLimitExceeded") => "ask AWS for a higher quota, or free what is not needed",
            (
                _,
                "UnrecognizedClientException"
                | "InvalidClientTokenId"
                | "InvalidAccessKeyId"
                | "InvalidSignatureException"
                | "SignatureDoesNotMatch",
            ) => "check the access key and the secret key",
            (Stage::Service | Stage::Input, "ValidationException") => "correct the field that it names",
            (_, "NoSuchBucket") => {
                "check the bucket's name; an upload with `sagewright cp --make-bucket` makes one that is missing"
            }
            _ => "",
        }
    }
}

impl std::error::Error for CloudError {}

impl fmt::Display for CloudError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}: {}", self.service, self.operation, self.code, self.message)?;
        if let Some(id) = &self.request_id {
            write!(f, " (request id {id})")?;
        }
        Ok(())
    }
}
