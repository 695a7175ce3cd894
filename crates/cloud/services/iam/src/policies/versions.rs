//! Versions of a policy; one is the default, and is what counts.

use serde_json::{Value, json};

use super::super::page::page;
use super::super::{
    Iam, check_document, delete_conflict, document, limit_exceeded, name, no_such_entity, seconds, size,
};
use super::own;
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_policy::{Kind, managed};

/// AWS's limit for a policy, white space not counted.
const LONGEST: usize = 6144;
/// AWS's limit.
const MOST: usize = 5;

pub(super) fn check(text: &str) -> Result<(), ApiError> {
    check_document(text, Kind::Identity)?;
    if size(text) > LONGEST {
        return Err(limit_exceeded(format!("Cannot exceed quota for PolicySize: {LONGEST}")));
    }
    Ok(())
}

pub(super) fn new(id: &str, text: &str, call: &Call) -> Value {
    json!({"Id": id, "Document": text, "Created": call.wall.as_millisecond()})
}

pub(in super::super) async fn create(iam: &Iam, call: &Call) -> Result<Value, ApiError> {
    let text = name(call, "PolicyDocument");
    let policy = own(iam, call).await?;
    check(text)?;
    let version = iam.change(call, "policy", &policy.key.name, |policy| {
        let next = policy.body["Next"].as_u64().unwrap_or(2);
        let id = format!("v{next}");
        let Some(versions) = policy.body["Versions"].as_array_mut().filter(|v| v.len() < MOST) else {
            return Err(limit_exceeded(
                "A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing \
                 version.",
            ));
        };
        let version = new(&id, text, call);
        versions.push(version.clone());
        policy.body["Next"] = json!(next + 1);
        if call.input.get("SetAsDefault").and_then(Value::as_bool) == Some(true) {
            policy.body["Default"] = json!(id);
        }
        Ok(to_output(&version, &policy.body["Default"], false))
    }).await?;
    Ok(json!({"PolicyVersion": version}))
}

pub(in super::super) async fn get(iam: &Iam, call: &Call) -> Result<Value, ApiError> {
    let (arn, id) = (name(call, "PolicyArn"), name(call, "VersionId"));
    if let Some(policy) = managed::find(arn) {
        if id != policy.version {
            return Err(unknown(arn, id));
        }
        let text = policy.document().ok_or_else(|| undocumented(arn))?.to_string();
        let version = json!({"VersionId": id, "IsDefaultVersion": true, "Document": document(&text)});
        return Ok(json!({"PolicyVersion": version}));
    }
    let policy = own(iam, call).await?;
    let version = versions(&policy.body).find(|v| v["Id"] == id).ok_or_else(|| unknown(arn, id))?;
    Ok(json!({"PolicyVersion": to_output(version, &policy.body["Default"], true)}))
}

pub(in super::super) async fn list(iam: &Iam, call: &Call) -> Result<Value, ApiError> {
    if let Some(policy) = managed::find(name(call, "PolicyArn")) {
        let version = json!({"VersionId": policy.version, "IsDefaultVersion": true});
        return page(call, "Versions", vec![(policy.version.to_owned(), version)]);
    }
    let policy = own(iam, call).await?;
    let shown = versions(&policy.body).map(|v| {
        let id = v["Id"].as_str().unwrap_or_default();
        // In the order of their numbers.
        (format!("{id:>8}"), to_output(v, &policy.body["Default"], false))
    });
    page(call, "Versions", shown.collect())
}

pub(in super::super) async fn delete(iam: &Iam, call: &Call) -> Result<Value, ApiError> {
    let (arn, id) = (name(call, "PolicyArn"), name(call, "VersionId"));
    let policy = own(iam, call).await?;
    iam.change(call, "policy", &policy.key.name, |policy| {
        if policy.body["Default"] == id {
            return Err(delete_conflict("Cannot delete the default version of a policy."));
        }
        let versions = policy.body["Versions"].as_array_mut();
        let at = versions.as_ref().and_then(|v| v.iter().position(|v| v["Id"] == id));
        let (versions, at) = versions.zip(at).ok_or_else(|| unknown(arn, id))?;
        versions.remove(at);
        Ok(Value::Null)
    })
    .await
}

pub(in super::super) async fn set_default(iam: &Iam, call: &Call) -> Result<Value, ApiError> {
    let (arn, id) = (name(call, "PolicyArn"), name(call, "VersionId"));
    let policy = own(iam, call).await?;
    iam.change(call, "policy", &policy.key.name, |policy| {
        if versions(&policy.body).all(|v| v["Id"] != id) {
            return Err(unknown(arn, id));
        }
        policy.body["Default"] = json!(id);
        Ok(Value::Null)
    })
    .await
}

/// The text of the default version.
pub(in super::super) fn default_text(policy: &Value) -> &str {
    let version = versions(policy).find(|v| v["Id"] == policy["Default"]);
    version.and_then(|v| v["Document"].as_str()).unwrap_or_default()
}

fn versions(policy: &Value) -> impl Iterator<Item = &Value> {
    policy["Versions"].as_array().into_iter().flatten()
}

fn to_output(version: &Value, default: &Value, with_document: bool) -> Value {
    let text = version["Document"].as_str().filter(|_| with_document);
    json!({
        "VersionId": version["Id"],
        "IsDefaultVersion": version["Id"] == *default,
        "CreateDate": seconds(version["Created"].as_i64().unwrap_or_default()),
        "Document": text.map(document),
    })
}

fn unknown(arn: &str, id: &str) -> ApiError {
    no_such_entity(format!("Policy {arn} version {id} does not exist or is not attachable."))
}

/// The refusal where a document of AWS's would be needed that is not kept here.
pub(in super::super) fn undocumented(arn: &str) -> ApiError {
    let message = format!(
        "The document of {arn} is not part of the embedded cloud; use a policy of your own (CreatePolicy), or a real AWS \
         account (unset AWS_ENDPOINT_URL)"
    );
    ApiError::new("NotImplemented", 501, message)
}
