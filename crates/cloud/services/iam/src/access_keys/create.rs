use serde_json::{Value, json};

use super::super::users::user_name;
use super::super::{Iam, limit_exceeded, missing, seconds};
use sagewright_cloud_core::api::{ApiError, Call};

/// AWS's quota.
const KEYS_PER_USER: usize = 2;

pub(in super::super) async fn create(iam: &Iam, call: &Call) -> Result<Value, ApiError> {
    let user = user_name(call)?;
    iam.find(call, "user", &user).await?;
    if iam.identity.keys(&call.caller.account, &user).await?.len() >= KEYS_PER_USER {
        return Err(limit_exceeded(format!("Cannot exceed quota for AccessKeysPerUser: {KEYS_PER_USER}")));
    }
    let key = iam.identity.create_key(&call.caller.account, &user).await?.ok_or_else(|| missing("user", &user))?;
    Ok(json!({"AccessKey": {
        "UserName": user,
        "AccessKeyId": key.id,
        "Status": "Active",
        "SecretAccessKey": key.secret.reveal(),
        "CreateDate": seconds(key.created),
    }}))
}
