use serde_json::{Value, json};

use super::super::{Iam, limit_exceeded, name, no_such_entity};
use super::{kept, of};
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::identity::policy_exists;
use sagewright_cloud_policy::managed;

/// AWS's quota.
const MOST: usize = 10;

pub(in super::super) async fn attach(iam: &Iam, call: &Call) -> Result<Value, ApiError> {
    let (role_name, arn) = (name(call, "RoleName"), name(call, "PolicyArn"));
    iam.find(call, "role", role_name).await?;
    if !policy_exists(&iam.store, &call.caller.account, arn).await? {
        return Err(no_such_entity(format!("Policy {arn} does not exist or is not attachable.")));
    }
    if managed::find(arn).is_some_and(|policy| !policy.attachable()) {
        let message = "Cannot attach a Service Role Policy to a Customer Role.";
        return Err(ApiError::new("PolicyNotAttachable", 400, message));
    }
    iam.change(call, "role", role_name, |role| {
        let mut attached: Vec<String> = of(role).collect();
        let arn = kept(arn);
        if !attached.contains(&arn) {
            attached.push(arn);
        }
        if attached.len() > MOST {
            return Err(limit_exceeded(format!("Cannot exceed quota for PoliciesPerRole: {MOST}")));
        }
        role.body["Attached"] = json!(attached);
        Ok(Value::Null)
    })
    .await
}
