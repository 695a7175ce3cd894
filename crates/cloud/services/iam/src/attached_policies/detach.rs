use serde_json::{Value, json};

use super::super::{Iam, name, no_such_entity};
use super::{kept, of};
use sagewright_cloud_core::api::{ApiError, Call};

pub(in super::super) async fn detach(iam: &Iam, call: &Call) -> Result<Value, ApiError> {
    let arn = name(call, "PolicyArn");
    iam.change(call, "role", name(call, "RoleName"), |role| {
        let before: Vec<String> = of(role).collect();
        let after: Vec<&String> = before.iter().filter(|attached| **attached != kept(arn)).collect();
        if after.len() == before.len() {
            return Err(no_such_entity(format!("Policy {arn} was not found.")));
        }
        role.body["Attached"] = json!(after);
        Ok(Value::Null)
    })
    .await
}
