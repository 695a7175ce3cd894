//! The condition keys of `AssumeRole`: those that AWS documents for it, as far as they are known here.

use super::super::Sts;
use super::tags::{SessionTags, same};
use sagewright_cloud_core::api::{ApiError, Call, in_partition};
use sagewright_cloud_core::identity::Principal;
use sagewright_cloud_core::identity::add_role;
use sagewright_cloud_core::records::{Key, Record};
use sagewright_cloud_policy::Context;

pub(super) async fn of(
    sts: &Sts,
    call: &Call,
    caller: &Principal,
    role: &Record,
    tags: &SessionTags,
) -> Result<Context, ApiError> {
    let mut context = Context::default();
    add_role(&mut context, role, &sts.store.tags_of(&role.arn).await?);
    add_caller(&mut context, sts, call, caller).await?;
    context.add("aws:CurrentTime", call.wall.to_string());
    context.add("aws:EpochTime", call.wall.as_second().to_string());
    context.add("aws:RequestedRegion", call.region.as_str());
    context.add("aws:SecureTransport", "false");
    context.add("aws:ViaAWSService", "false");
    if let Some(address) = call.caller.source_ip {
        context.add("aws:SourceIp", address.to_string());
    }
    for (key, value) in &tags.passed {
        context.add(&format!("aws:RequestTag/{key}"), value.as_str());
        context.add("aws:TagKeys", key.as_str());
    }
    for key in &tags.transitive {
        context.add("sts:TransitiveTagKeys", key.as_str());
    }
    for (key, member) in [
        ("sts:ExternalId", "ExternalId"),
        ("sts:RoleSessionName", "RoleSessionName"),
        ("sts:SourceIdentity", "SourceIdentity"),
    ] {
        if let Some(text) = call.text(member) {
            context.add(key, text);
        }
    }
    Ok(context)
}

async fn add_caller(context: &mut Context, sts: &Sts, call: &Call, caller: &Principal) -> Result<(), ApiError> {
    let session = caller.session.as_ref();
    let role = session.and_then(|s| s.role.as_deref());
    let arn = in_partition(role.unwrap_or(&caller.arn), call.partition());
    context.add("aws:PrincipalAccount", caller.account.as_str());
    context.add("aws:PrincipalIsAWSService", "false");
    context.add("aws:PrincipalType", if role.is_some() { "AssumedRole" } else { "User" });
    context.add("aws:userid", caller.user_id.as_str());
    let name = arn.rsplit('/').next().unwrap_or_default();
    if role.is_none() {
        context.add("aws:username", name);
    }
    if session.is_some() {
        // Nobody has a second factor here.
        context.add("aws:MultiFactorAuthPresent", "false");
    }
    if let Some(identity) = session.and_then(|s| s.source_identity.as_deref()) {
        context.add("aws:SourceIdentity", identity);
        // A chained session keeps it, and cannot set another.
        if call.text("SourceIdentity").is_none() {
            context.add("sts:SourceIdentity", identity);
        }
    }
    // The tags of the session go before those of its role.
    let mut tags = session.map(|s| s.tags.clone()).unwrap_or_default();
    let kind = if role.is_some() { "role" } else { "user" };
    if let Some(entity) = sts.store.record(&Key::new(&caller.account, "", kind, name)).await? {
        for (key, value) in sts.store.tags_of(&entity.arn).await? {
            if tags.iter().all(|(taken, _)| !same(taken, &key)) {
                tags.push((key, value));
            }
        }
    }
    for (key, value) in tags {
        context.add(&format!("aws:PrincipalTag/{key}"), value);
    }
    context.add("aws:PrincipalArn", arn);
    Ok(())
}
