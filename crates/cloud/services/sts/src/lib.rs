//! STS: who is asking, and temporary credentials.

mod access_keys;
mod callers;
mod roles;
mod sessions;

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Value, json};

use sagewright_cloud_core::api::{ApiError, Call, Handler, Operation, Output, answer};
use sagewright_cloud_core::identity::{Identity, Principal};
use sagewright_cloud_core::operations;
use sagewright_cloud_core::records::SharedRecords;

/// What STS answers here.
pub const OPERATIONS: &[(&str, Operation<Sts>)] = operations! { Sts:
    "AssumeRole" => roles::assume,
    "GetAccessKeyInfo" => access_keys::info,
    "GetCallerIdentity" => callers::identity,
    "GetSessionToken" => sessions::token,
};

/// The STS of the embedded cloud.
#[derive(Debug, Clone)]
pub struct Sts {
    store: SharedRecords,
    identity: Identity,
}

impl Sts {
    /// STS over a store's roles and its identities.
    #[must_use]
    pub fn new(store: SharedRecords, identity: Identity) -> Self {
        Self { store, identity }
    }

    /// Who signed a call.
    async fn principal(&self, call: &Call) -> Result<Arc<Principal>, ApiError> {
        let found = self.identity.lookup(&call.caller.access_key).await?;
        found.ok_or_else(|| {
            ApiError::new("InvalidClientTokenId", 403, "The security token included in the request is invalid.")
        })
    }
}

#[async_trait]
impl Handler for Sts {
    async fn call(&self, call: Call) -> Result<Output, ApiError> {
        answer(OPERATIONS, self, &call).await
    }
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("ValidationError", 400, message)
}

/// Refuses members that would change the outcome and are not built.
fn refuse_members(call: &Call, members: &[&str]) -> Result<(), ApiError> {
    match members.iter().find(|m| call.input.get(**m).is_some()) {
        Some(member) => Err(ApiError::new(
            "NotImplemented",
            501,
            format!("{member} of STS {} is not supported by the embedded cloud; leave it out", call.operation.name),
        )),
        None => Ok(()),
    }
}

/// The `Credentials` of an answer.
fn credentials(id: &str, principal: &Principal) -> Value {
    let session = principal.session.as_ref();
    json!({
        "AccessKeyId": id,
        "SecretAccessKey": principal.secret.reveal(),
        "SessionToken": session.map(|s| s.token.reveal()),
        // To the second, as AWS gives it.
        "Expiration": session.map(|s| s.expires.as_second()),
    })
}

#[cfg(test)]
mod tests;
