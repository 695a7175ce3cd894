use serde_json::Value;

use super::super::{Iam, arn, name, no_such_entity, refuse_members};
use super::{NOT_BUILT, add_given, policies, results};
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::{Key, Record};
use sagewright_cloud_policy::Context;

/// `SimulatePrincipalPolicy`
pub(in super::super) async fn principal(iam: &Iam, call: &Call) -> Result<Value, ApiError> {
    refuse_members(call, NOT_BUILT)?;
    let (kind, entity) = entity(iam, call).await?;
    let mut sources = match kind {
        "role" => policies::of_role(iam, &entity).await?,
        // Users have no policies here.
        _ => Vec::new(),
    };
    sources.extend(policies::given(call)?);
    let mut context = Context::default();
    context.add("aws:PrincipalArn", arn(call, &entity));
    context.add("aws:PrincipalAccount", entity.key.account.as_str());
    context.add("aws:PrincipalIsAWSService", "false");
    context.add("aws:ViaAWSService", "false");
    if kind == "user" {
        context.add("aws:username", entity.key.name.as_str());
        context.add("aws:userid", entity.body["UserId"].as_str().unwrap_or_default());
        context.add("aws:PrincipalType", "User");
    } else {
        context.add("aws:PrincipalType", "AssumedRole");
    }
    for (key, value) in iam.store.tags_of(&entity.arn).await? {
        context.add(&format!("aws:PrincipalTag/{key}"), value);
    }
    add_given(&mut context, call);
    results(call, &sources, &context)
}

/// The role or user of `PolicySourceArn`, and which it is.
async fn entity(iam: &Iam, call: &Call) -> Result<(&'static str, Record), ApiError> {
    let source = name(call, "PolicySourceArn");
    let invalid = || {
        let message = format!("Invalid Entity Arn: {source} does not clearly define entity type and name.");
        ApiError::new("InvalidInput", 400, message)
    };
    let (_, rest) = source.split_once(":iam::").ok_or_else(invalid)?;
    let (account, path) = rest.split_once(':').ok_or_else(invalid)?;
    let kind = ["role", "user"].into_iter().find(|kind| path.starts_with(&format!("{kind}/"))).ok_or_else(invalid)?;
    let entity_name = path.rsplit('/').next().unwrap_or_default();
    let found = iam.store.record(&Key::new(account, "", kind, entity_name)).await?;
    let found = found.filter(|_| account == call.caller.account);
    found
        .map(|record| (kind, record))
        .ok_or_else(|| no_such_entity(format!("The {kind} with name {entity_name} cannot be found.")))
}
