use serde_json::Value;

use super::super::{Iam, name};
use super::unknown;
use sagewright_cloud_core::api::{ApiError, Call};

pub(in super::super) async fn delete(iam: &Iam, call: &Call) -> Result<Value, ApiError> {
    let policy_name = name(call, "PolicyName");
    iam.change(call, "role", name(call, "RoleName"), |role| {
        let removed = role.body["Inline"].as_object_mut().and_then(|inline| inline.shift_remove(policy_name));
        removed.map(|_| Value::Null).ok_or_else(|| unknown(policy_name))
    })
    .await
}
