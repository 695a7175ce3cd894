//! Managed policies: the account's own, with their versions, and AWS's.

mod create;
mod delete;
mod entities;
mod get;
mod list;
pub(super) mod versions;

use serde_json::{Value, json};

pub(super) use create::create;
pub(super) use delete::delete;
pub(super) use entities::entities;
pub(super) use get::get;
pub(super) use list::list;

use super::{Iam, arn, attached_policies, name, no_such_entity, seconds};
use sagewright_cloud_core::api::{ApiError, Call, in_partition};
use sagewright_cloud_core::identity::own_policy;
use sagewright_cloud_core::records::Record;
use sagewright_cloud_policy::managed::{self, Managed};

/// The account's own policy that a call names. What is AWS's cannot be changed.
pub(super) async fn own(iam: &Iam, call: &Call) -> Result<Record, ApiError> {
    let arn = name(call, "PolicyArn");
    if managed::find(arn).is_some() {
        let message = format!("Policy {arn} is AWS's own and cannot be changed.");
        return Err(ApiError::new("AccessDenied", 403, message));
    }
    own_policy(&iam.store, &call.caller.account, arn).await?.ok_or_else(|| unknown(arn))
}

fn unknown(arn: &str) -> ApiError {
    no_such_entity(format!("Policy {arn} was not found."))
}

/// ARNs of what is attached in the account, each as often as it is attached.
async fn attached(iam: &Iam, call: &Call) -> Result<Vec<String>, ApiError> {
    let roles = iam.store.list(&call.caller.account, "", "role").await?;
    Ok(roles.iter().flat_map(attached_policies::of).collect())
}

fn count(attached: &[String], arn: &str) -> usize {
    let arn = in_partition(arn, "aws");
    attached.iter().filter(|a| **a == arn).count()
}

fn to_output(call: &Call, policy: &Record, attached: &[String]) -> Value {
    json!({
        "PolicyName": policy.key.name,
        "PolicyId": policy.body["PolicyId"],
        "Arn": arn(call, policy),
        "Path": policy.body["Path"],
        "DefaultVersionId": policy.body["Default"],
        "AttachmentCount": count(attached, &policy.arn),
        "PermissionsBoundaryUsageCount": 0,
        "IsAttachable": true,
        "CreateDate": seconds(policy.created),
        "UpdateDate": seconds(policy.modified),
    })
}

/// AWS's own; ids and dates of them are not known here.
fn managed_to_output(call: &Call, policy: Managed, attached: &[String]) -> Value {
    let arn = policy.arn(call.partition());
    json!({
        "PolicyName": policy.name,
        "AttachmentCount": count(attached, &arn),
        "Arn": arn,
        "Path": policy.path,
        "DefaultVersionId": policy.version,
        "PermissionsBoundaryUsageCount": 0,
        "IsAttachable": policy.attachable(),
    })
}
