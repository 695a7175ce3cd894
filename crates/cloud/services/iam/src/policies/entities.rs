use serde_json::{Value, json};

use super::super::page::page;
use super::super::{Iam, attached_policies, name, refuse_members};
use super::unknown;
use sagewright_cloud_core::api::{ApiError, Call, in_partition};
use sagewright_cloud_core::identity::policy_exists;

/// `ListEntitiesForPolicy`: only roles can have policies attached here.
pub(in super::super) async fn entities(iam: &Iam, call: &Call) -> Result<Value, ApiError> {
    refuse_members(call, &["PolicyUsageFilter"])?;
    let arn = name(call, "PolicyArn");
    if !policy_exists(&iam.store, &call.caller.account, arn).await? {
        return Err(unknown(arn));
    }
    let arn = in_partition(arn, "aws");
    let mut roles = iam.under_path(call, "role").await?;
    let wanted = matches!(call.text("EntityFilter"), None | Some("Role"));
    roles.retain(|role| wanted && attached_policies::of(role).any(|a| a == arn));
    let shown = |role: &sagewright_cloud_core::records::Record| {
        (role.key.name.clone(), json!({"RoleName": role.key.name, "RoleId": role.body["RoleId"]}))
    };
    let mut out = page(call, "PolicyRoles", roles.iter().map(shown).collect())?;
    out["PolicyGroups"] = json!([]);
    out["PolicyUsers"] = json!([]);
    Ok(out)
}
