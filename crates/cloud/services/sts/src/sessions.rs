//! Sessions of users.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Sts, credentials, refuse_members};
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::identity::NewSession;

/// AWS's default for a user's session: twelve hours.
const DEFAULT_SECONDS: i64 = 43_200;

/// `GetSessionToken`
pub(super) async fn token(sts: &Sts, call: &Call) -> Result<Value, ApiError> {
    refuse_members(call, &["SerialNumber", "TokenCode"])?;
    let caller = sts.principal(call).await?;
    if caller.session.is_some() {
        let message = "Cannot call GetSessionToken with session credentials";
        return Err(ApiError::new("AccessDenied", 403, message));
    }
    let seconds = call.input.get("DurationSeconds").and_then(Value::as_i64).unwrap_or(DEFAULT_SECONDS);
    let expires = call.wall.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX);
    let (id, principal) = sts.identity.begin_session(NewSession::of_user(&caller, expires)).await?;
    Ok(json!({"Credentials": credentials(&id, &principal)}))
}
