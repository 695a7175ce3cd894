//! Simulations: what the policies of a role or user, or policies given in the call, say to actions on resources.

mod custom;
mod policies;
mod principal;

use serde_json::{Value, json};

pub(super) use custom::custom;
pub(super) use principal::principal;

use super::page::page;
use policies::Source;
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_policy::{Context, Decision, Question};

/// Members that change the outcome in ways that are not built.
const NOT_BUILT: &[&str] = &[
    "CallerArn",
    "PermissionsBoundaryPolicyInputList",
    "PolicyExclusionList",
    "ResourceHandlingOption",
    "ResourceOwner",
    "ResourcePolicy",
];

fn texts<'c>(call: &'c Call, member: &str) -> impl Iterator<Item = &'c str> {
    call.input.get(member).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

/// The keys that every simulation has, and then those that the call gives, which win.
fn add_given(context: &mut Context, call: &Call) {
    context.add("aws:CurrentTime", call.wall.to_string());
    context.add("aws:EpochTime", call.wall.as_second().to_string());
    for entry in call.input.get("ContextEntries").and_then(Value::as_array).into_iter().flatten() {
        let values = entry["ContextKeyValues"].as_array().into_iter().flatten();
        let values = values.filter_map(|v| Some(v.as_str()?.to_owned())).collect();
        context.set(entry["ContextKeyName"].as_str().unwrap_or_default(), values);
    }
}

/// One result for each action on each resource.
fn results(call: &Call, sources: &[Source], context: &Context) -> Result<Value, ApiError> {
    let mut resources: Vec<&str> = texts(call, "ResourceArns").collect();
    if resources.is_empty() {
        resources.push("*");
    }
    let pairs = texts(call, "ActionNames").flat_map(|action| resources.iter().map(move |r| (action, *r)));
    let items = pairs.enumerate().map(|(n, (action, resource))| {
        let question = Question { asker: None, action, resource: Some(resource), context };
        (format!("{n:08}"), result(sources, &question, resource))
    });
    page(call, "EvaluationResults", items.collect())
}

fn result(sources: &[Source], question: &Question<'_>, resource: &str) -> Value {
    let said: Vec<(&Source, Decision)> = sources.iter().map(|s| (s, s.document.decide(question))).collect();
    let by = |wanted| said.iter().filter(|(_, d)| *d == wanted).map(|(s, _)| s.shown()).collect::<Vec<_>>();
    let (denied, allowed) = (by(Decision::Denied), by(Decision::Allowed));
    let (decision, matched) = match (denied.is_empty(), allowed.is_empty()) {
        (false, _) => ("explicitDeny", denied),
        (true, false) => ("allowed", allowed),
        (true, true) => ("implicitDeny", Vec::new()),
    };
    let mut missing: Vec<&str> = sources.iter().flat_map(|s| s.document.missing_keys(question)).collect();
    missing.sort_unstable();
    missing.dedup();
    json!({
        "EvalActionName": question.action,
        "EvalResourceName": resource,
        "EvalDecision": decision,
        "MatchedStatements": matched,
        "MissingContextValues": missing,
    })
}
