//! `AssumeRole`: the role's trust policy decides.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Sts, credentials, refuse_members};
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::identity::role;
use sagewright_cloud_core::identity::{NewSession, Principal};
use sagewright_cloud_core::store::Record;
use sagewright_cloud_policy::{Asker, Context, Decision, Document, Kind, Question, trust_decision};

/// The longest session of a role that a role's session assumes, in seconds.
const CHAINED: i64 = 3600;

/// Members of the input that are recorded by AWS in ways that are not built.
const NOT_BUILT: &[&str] =
    &["SerialNumber", "TokenCode", "TransitiveTagKeys", "ProvidedContexts", "Policy", "PolicyArns"];

impl Sts {
    pub(super) fn assume_role(&self, call: &Call) -> Result<Value, ApiError> {
        refuse_members(call, NOT_BUILT)?;
        let caller = self.principal(call)?;
        let role_arn = call.text("RoleArn").unwrap_or_default();
        let session_name = call.text("RoleSessionName").unwrap_or_default();
        let arn: sagewright_model::Arn =
            role_arn.parse().map_err(|_| ApiError::new("ValidationError", 400, format!("{role_arn} is invalid")))?;
        let denied = |action: &str| {
            let message =
                format!("User: {} is not authorized to perform: {action} on resource: {role_arn}", caller.arn);
            ApiError::new("AccessDenied", 403, message)
        };
        // A role that does not exist is told as one that does not trust the caller, so that nobody can list roles by trying.
        let role = role(&self.store, role_arn)?.ok_or_else(|| denied("sts:AssumeRole"))?;
        let trust = role.body["AssumeRolePolicyDocument"].as_str().unwrap_or_default();
        let trust = Document::parse(trust, Kind::Trust)
            .map_err(|e| ApiError::internal(format!("the stored trust policy of {role_arn} is damaged: {e}")))?;
        let tags = tags_of(call);
        let source_identity =
            call.text("SourceIdentity").or_else(|| caller.session.as_ref()?.source_identity.as_deref());
        let context = context_of(call, &caller, &tags, source_identity);
        let asker = Asker::Aws {
            account: &caller.account,
            arn: &caller.arn,
            role: caller.session.as_ref().and_then(|s| s.role.as_deref()),
        };
        let mut actions = vec!["sts:AssumeRole"];
        if !tags.is_empty() {
            actions.push("sts:TagSession");
        }
        if call.text("SourceIdentity").is_some() {
            actions.push("sts:SetSourceIdentity");
        }
        for action in actions {
            let question = Question { asker: asker.clone(), action, context: &context };
            if trust_decision(&trust, &question) != Decision::Allowed {
                return Err(denied(action));
            }
        }
        let expires = expiry(call, &caller, &role)?;
        let role_name = &role.key.name;
        let role_id = role.body["RoleId"].as_str().unwrap_or_default();
        let user_id = format!("{role_id}:{session_name}");
        let session_arn = format!("arn:{}:sts::{}:assumed-role/{role_name}/{session_name}", arn.partition, arn.account);
        let (id, principal) = self.identity.begin_session(NewSession {
            account: &arn.account,
            arn: session_arn.clone(),
            user_id: user_id.clone(),
            role: Some(role_arn),
            tags,
            source_identity,
            expires,
        })?;
        Ok(json!({
            "Credentials": credentials(&id, &principal),
            "AssumedRoleUser": {"AssumedRoleId": user_id, "Arn": session_arn},
            "SourceIdentity": source_identity,
        }))
    }
}

fn expiry(call: &Call, caller: &Principal, role: &Record) -> Result<Timestamp, ApiError> {
    let asked = call.input.get("DurationSeconds").and_then(Value::as_i64);
    let longest = role.body["MaxSessionDuration"].as_i64().unwrap_or(3600);
    let refuse = |message: &str| Err(ApiError::new("ValidationError", 400, message));
    let seconds = asked.unwrap_or(CHAINED);
    if seconds > longest {
        return refuse("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.");
    }
    let chained = caller.session.as_ref().is_some_and(|s| s.role.is_some());
    if chained && seconds > CHAINED {
        return refuse(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
        );
    }
    Ok(call.now.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX))
}

fn tags_of(call: &Call) -> Vec<(String, String)> {
    let text = |tag: &Value, member: &str| tag[member].as_str().unwrap_or_default().to_owned();
    let tags = call.input.get("Tags").and_then(Value::as_array);
    tags.into_iter().flatten().map(|tag| (text(tag, "Key"), text(tag, "Value"))).collect()
}

/// The condition keys that AWS documents for `sts:AssumeRole` and that are known here.
fn context_of(call: &Call, caller: &Principal, tags: &[(String, String)], source_identity: Option<&str>) -> Context {
    let mut context = Context::default();
    let session_role = caller.session.as_ref().and_then(|s| s.role.as_deref());
    context.add("aws:PrincipalArn", session_role.unwrap_or(&caller.arn));
    context.add("aws:PrincipalAccount", caller.account.as_str());
    context.add("aws:PrincipalType", if session_role.is_some() { "AssumedRole" } else { "User" });
    context.add("aws:userid", caller.user_id.as_str());
    if session_role.is_none()
        && let Some((_, name)) = caller.arn.rsplit_once('/')
    {
        context.add("aws:username", name);
    }
    context.add("aws:CurrentTime", call.now.to_string());
    context.add("aws:EpochTime", call.now.as_second().to_string());
    context.add("aws:RequestedRegion", call.region.as_str());
    context.add("aws:SecureTransport", "false");
    for (key, value) in caller.session.iter().flat_map(|s| &s.tags) {
        context.add(&format!("aws:PrincipalTag/{key}"), value.as_str());
    }
    for (key, value) in tags {
        context.add(&format!("aws:RequestTag/{key}"), value.as_str());
        context.add("aws:TagKeys", key.as_str());
    }
    for (key, member) in [("sts:ExternalId", "ExternalId"), ("sts:RoleSessionName", "RoleSessionName")] {
        if let Some(text) = call.text(member) {
            context.add(key, text);
        }
    }
    if let Some(text) = source_identity {
        context.add("sts:SourceIdentity", text);
    }
    context
}
