//! Who calls: the port through which the rest of the embedded cloud tells S3 about access keys.

use std::sync::Arc;

use async_trait::async_trait;

/// The time, passed in so that tests and sped-up clouds decide what "now" is.
pub type Clock = Arc<dyn Fn() -> jiff::Timestamp + Send + Sync>;

/// The access keys that exist.
#[async_trait]
pub trait Credentials: Send + Sync + 'static {
    /// The identity behind an access key id; `None` when there is no such key.
    async fn lookup(&self, access_key: &str) -> Option<Caller>;
}

/// An identity that signed, or claims to have signed, a request.
#[derive(Clone)]
pub struct Caller {
    /// The twelve-digit account that the caller acts in.
    pub account: String,
    /// The secret that signatures are made with.
    pub secret_key: String,
    /// The token that must come with a temporary key; `None` for long-lived keys.
    pub session_token: Option<String>,
    /// The ARN of the user, role session or root.
    pub principal_arn: String,
    /// Whether a temporary key is past its end.
    pub expired: bool,
}

impl std::fmt::Debug for Caller {
    // Secrets stay out of logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Caller")
            .field("account", &self.account)
            .field("principal_arn", &self.principal_arn)
            .field("expired", &self.expired)
            .finish_non_exhaustive()
    }
}
