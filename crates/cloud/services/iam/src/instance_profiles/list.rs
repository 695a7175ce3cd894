use serde_json::Value;

use super::super::page::page;
use super::super::{Iam, name};
use sagewright_cloud_core::api::{ApiError, Call};

/// `ListInstanceProfilesForRole`: whoever deletes a role asks for them first.
pub(in super::super) async fn list_for_role(iam: &Iam, call: &Call) -> Result<Value, ApiError> {
    iam.find(call, "role", name(call, "RoleName")).await?;
    page(call, "InstanceProfiles", Vec::new())
}
