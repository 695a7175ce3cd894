//! A call that failed.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Where a failed call stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// In the queue of a service that limits the rate; nothing was sent.
    Queue,
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

/// What to do where a service takes the time of a signature for wrong.
const CLOCK: &str = "set the clock of this machine right: the service refuses the time of the signature";

/// A call that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
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
    /// How long the service asks to wait.
    #[serde(with = "crate::durations::seconds_or_none", default)]
    pub retry_after: Option<Duration>,
}

impl CloudError {
    /// A failure of a call that got no answer. An answer adds status, request id and pause.
    #[must_use]
    pub fn new(service: &str, operation: &str, stage: Stage, code: &str, message: impl Into<String>) -> Self {
        Self {
            service: service.to_owned(),
            operation: operation.to_owned(),
            stage,
            code: code.to_owned(),
            message: message.into(),
            status: None,
            request_id: None,
            retry_after: None,
        }
    }

    /// Whether the service may have done what was asked, although the caller got an error. After such a
    /// failure of a write, look at the resource before writing again.
    #[must_use]
    pub fn may_have_taken_effect(&self) -> bool {
        match self.stage {
            Stage::Input | Stage::Queue | Stage::Credentials => false,
            Stage::Transport => !matches!(self.code.as_str(), "ConnectionRefused" | "NotTrusted"),
            Stage::Service => self.status.is_some_and(|s| s >= 500) && !self.is_throttle(),
            Stage::Answer => true,
        }
    }

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
            (_, "RequestTimeTooSkewed" | "RequestExpired") => CLOCK,
            // The message is all that tells a wrong clock from a wrong key.
            (Stage::Service, "InvalidSignatureException" | "SignatureDoesNotMatch")
                if ["Signature expired", "Signature not yet current"].iter().any(|t| self.message.contains(t)) =>
            {
                CLOCK
            }
            (
                _,
                "UnrecognizedClientException"
                | "InvalidClientTokenId"
                | "InvalidAccessKeyId"
                | "InvalidSignatureException"
                | "SignatureDoesNotMatch",
            ) => "check the access key and the secret key",
            (Stage::Service | Stage::Input, "ValidationException") => "correct the value that it names",
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
