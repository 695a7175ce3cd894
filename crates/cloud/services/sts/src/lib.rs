//! STS: who is asking, and temporary credentials.

mod assume_role;
mod session;

use async_trait::async_trait;
use serde_json::{Value, json};

use sagewright_cloud_core::api::{ApiError, Call, Handler, Output, unsupported};
use sagewright_cloud_core::identity::{Identity, Principal};
use sagewright_cloud_core::store::Store;

/// The STS of the embedded cloud.
#[derive(Debug, Clone)]
pub struct Sts {
    store: Store,
    identity: Identity,
}

impl Sts {
    /// STS over the database's roles and identities.
    #[must_use]
    pub fn new(store: Store, identity: Identity) -> Self {
        Self { store, identity }
    }

    /// Who signed a call.
    fn principal(&self, call: &Call) -> Result<std::sync::Arc<Principal>, ApiError> {
        let found = self.identity.lookup(&call.caller.access_key)?;
        found.ok_or_else(|| {
            ApiError::new("InvalidClientTokenId", 403, "The security token included in the request is invalid.")
        })
    }
}

#[async_trait]
impl Handler for Sts {
    async fn call(&self, call: Call) -> Result<Output, ApiError> {
        let output = match &*call.operation.name {
            "GetCallerIdentity" => json!({
                "UserId": call.caller.user_id,
                "Account": call.caller.account,
                "Arn": call.caller.principal_arn,
            }),
            "AssumeRole" => self.assume_role(&call)?,
            "GetSessionToken" => self.get_session_token(&call)?,
            "GetAccessKeyInfo" => self.get_access_key_info(&call)?,
            _ => return Err(unsupported(&call)),
        };
        Ok(output.into())
    }
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
