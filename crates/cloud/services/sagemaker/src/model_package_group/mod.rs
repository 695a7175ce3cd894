//! Model package groups: the registry's models, each with versions and a policy.

pub(super) mod create;
pub(super) mod delete;
pub(super) mod describe;
pub(super) mod list;
pub(super) mod policy;

use serde_json::{Value, json};

use sagewright_cloud_core::api::Call;

/// `CreatedBy` and `LastModifiedBy`: the principal that called.
pub(super) fn user(call: &Call) -> Value {
    json!({ "IamIdentity": { "Arn": call.caller.principal_arn, "PrincipalId": call.caller.user_id } })
}
