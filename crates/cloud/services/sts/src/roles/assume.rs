//! `AssumeRole`: the role's trust policy decides.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::super::{Sts, credentials, invalid, refuse_members};
use super::{context, policies, tags};
use sagewright_cloud_core::api::{ApiError, Call, in_partition};
use sagewright_cloud_core::identity::role;
use sagewright_cloud_core::identity::{Further, NewSession, Principal};
use sagewright_cloud_core::records::Record;
use sagewright_cloud_policy::{Asker, Decision, Document, Kind, Question};

/// The longest session of a role that a role's session assumes, in seconds.
const CHAINED: i64 = 3600;

/// Members of the input that change the outcome in ways that are not built.
const NOT_BUILT: &[&str] = &["SerialNumber", "TokenCode", "ProvidedContexts", "MinimumSessionTokenSize"];

pub(in super::super) async fn assume(sts: &Sts, call: &Call) -> Result<Value, ApiError> {
    refuse_members(call, NOT_BUILT)?;
    let caller = sts.principal(call).await?;
    let role_arn = call.text("RoleArn").unwrap_or_default();
    let arn: sagewright_model::Arn = role_arn.parse().map_err(|_| invalid(format!("{role_arn} is invalid")))?;
    let policies = policies::of(sts, call, &arn.account).await?;
    let tags = tags::of(call, &caller)?;
    let caller_arn = in_partition(&caller.arn, call.partition());
    let denied = |action: &str| {
        let message = format!("User: {caller_arn} is not authorized to perform: {action} on resource: {role_arn}");
        ApiError::new("AccessDenied", 403, message)
    };
    // A role that does not exist is told as one that does not trust the caller, so that nobody can list roles by trying.
    let role = role(&sts.store, role_arn).await?.ok_or_else(|| denied("sts:AssumeRole"))?;
    let source_identity = call.text("SourceIdentity").or_else(|| caller.session.as_ref()?.source_identity.as_deref());
    let context = context::of(sts, call, &caller, &role, &tags).await?;
    let session_role = caller.session.as_ref().and_then(|s| s.role.as_deref());
    let session_role = session_role.map(|role| in_partition(role, call.partition()));
    let asker = Asker::Aws { account: &caller.account, arn: &caller_arn, role: session_role.as_deref() };
    let trust = trust(&role)?;
    for action in actions(call, &tags) {
        let question = Question { asker: Some(asker.clone()), action, resource: None, context: &context };
        if trust.decide(&question) != Decision::Allowed {
            return Err(denied(action));
        }
    }
    let packed = policies::packed(&policies, &tags.all)?;
    let session_name = call.text("RoleSessionName").unwrap_or_default();
    let mut session = NewSession::of_role(&role, session_name, call.partition(), expiry(call, &caller, &role)?);
    session.tags = tags.all;
    session.source_identity = source_identity;
    session.further = Further { transitive: tags.transitive, ..policies };
    let user = json!({"AssumedRoleId": session.user_id, "Arn": session.arn});
    let (id, principal) = sts.identity.begin_session(session).await?;
    Ok(json!({
        "Credentials": credentials(&id, &principal),
        "AssumedRoleUser": user,
        "PackedPolicySize": packed,
        "SourceIdentity": source_identity,
    }))
}

fn trust(role: &Record) -> Result<Document, ApiError> {
    let text = role.body["AssumeRolePolicyDocument"].as_str().unwrap_or_default();
    Document::parse(text, Kind::Trust).map_err(|error| {
        let arn = &role.arn;
        ApiError::internal(format!(
            "the stored trust policy of {arn} cannot be read: {error}; replace it with UpdateAssumeRolePolicy"
        ))
    })
}

/// What the trust policy has to allow.
fn actions(call: &Call, tags: &tags::SessionTags) -> Vec<&'static str> {
    let mut actions = vec!["sts:AssumeRole"];
    if !tags.all.is_empty() {
        actions.push("sts:TagSession");
    }
    if call.text("SourceIdentity").is_some() {
        actions.push("sts:SetSourceIdentity");
    }
    actions
}

fn expiry(call: &Call, caller: &Principal, role: &Record) -> Result<Timestamp, ApiError> {
    let asked = call.input.get("DurationSeconds").and_then(Value::as_i64);
    let longest = role.body["MaxSessionDuration"].as_i64().unwrap_or(3600);
    let seconds = asked.unwrap_or(CHAINED);
    if seconds > longest {
        return Err(invalid("The requested DurationSeconds exceeds the MaxSessionDuration set for this role."));
    }
    let chained = caller.session.as_ref().is_some_and(|s| s.role.is_some());
    if chained && seconds > CHAINED {
        return Err(invalid(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
        ));
    }
    Ok(call.wall.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX))
}
