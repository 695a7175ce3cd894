//! Sessions of users, and what is known of keys.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{Sts, credentials, refuse_members};
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::identity::NewSession;

/// AWS's default for a user's session: twelve hours.
const DEFAULT_SECONDS: i64 = 43_200;

impl Sts {
    pub(super) fn get_session_token(&self, call: &Call) -> Result<Value, ApiError> {
        refuse_members(call, &["SerialNumber", "TokenCode"])?;
        let caller = self.principal(call)?;
        if caller.session.is_some() {
            let message = "Cannot call GetSessionToken with session credentials";
            return Err(ApiError::new("AccessDenied", 403, message));
        }
        let seconds = call.input.get("DurationSeconds").and_then(Value::as_i64).unwrap_or(DEFAULT_SECONDS);
        let expires = call.now.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(jiff::Timestamp::MAX);
        let (id, principal) = self.identity.begin_session(NewSession {
            account: &caller.account,
            arn: caller.arn.clone(),
            user_id: caller.user_id.clone(),
            role: None,
            tags: Vec::new(),
            source_identity: None,
            expires,
        })?;
        Ok(json!({"Credentials": credentials(&id, &principal)}))
    }

    pub(super) fn get_access_key_info(&self, call: &Call) -> Result<Value, ApiError> {
        let id = call.text("AccessKeyId").unwrap_or_default();
        match self.identity.lookup(id)? {
            Some(principal) => Ok(json!({"Account": principal.account})),
            None => Err(ApiError::new(
                "ValidationError",
                400,
                format!("Access key {id} is not known to the embedded cloud"),
            )),
        }
    }
}
