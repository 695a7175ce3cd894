//! Who a container is towards the embedded cloud.

use std::collections::BTreeMap;

use async_trait::async_trait;

/// The job or server that a container works for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Account id.
    pub account: String,
    /// Region.
    pub region: String,
    /// ARN of the job or endpoint.
    pub arn: String,
    /// Execution role, where it is known.
    pub role_arn: Option<String>,
}

/// Gives a container what it needs to call the embedded cloud: `AWS_ENDPOINT_URL`, credentials of its role.
///
/// A container sees no other credentials: its environment starts empty.
#[async_trait]
pub trait JobEnvironment: Send + Sync + 'static {
    /// Variables to set.
    async fn variables(&self, identity: &Identity) -> BTreeMap<String, String>;
}

/// Sets nothing: containers without access to the embedded cloud.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoEnvironment;

#[async_trait]
impl JobEnvironment for NoEnvironment {
    async fn variables(&self, _: &Identity) -> BTreeMap<String, String> {
        BTreeMap::new()
    }
}
