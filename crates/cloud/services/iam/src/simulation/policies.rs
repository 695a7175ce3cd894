//! The policies of a simulation.

use serde_json::{Value, json};

use super::super::policies::versions;
use super::super::{Iam, attached_policies, no_such_entity};
use super::texts;
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::identity::own_policy;
use sagewright_cloud_core::records::Record;
use sagewright_cloud_policy::{Document, Kind, managed};

/// A policy that is asked.
pub(super) struct Source {
    id: String,
    kind: &'static str,
    pub(super) document: Document,
}

impl Source {
    /// As an answer's `MatchedStatements` name it.
    pub(super) fn shown(&self) -> Value {
        json!({"SourcePolicyId": self.id, "SourcePolicyType": self.kind})
    }
}

/// The policies that a call gives.
pub(super) fn given(call: &Call) -> Result<Vec<Source>, ApiError> {
    let read = |(n, text): (usize, &str)| source(format!("PolicyInputList.{}", n + 1), "IAM Policy", text);
    texts(call, "PolicyInputList").enumerate().map(read).collect()
}

/// The policies inside a role and those attached to it.
pub(super) async fn of_role(iam: &Iam, role: &Record) -> Result<Vec<Source>, ApiError> {
    let mut out = Vec::new();
    for (name, text) in role.body["Inline"].as_object().into_iter().flatten() {
        let id = format!("role_{}_{name}", role.key.name);
        out.push(source(id, "IAM Policy", text.as_str().unwrap_or_default())?);
    }
    for arn in attached_policies::of(role) {
        let name = arn.rsplit('/').next().unwrap_or_default().to_owned();
        if let Some(policy) = managed::find(&arn) {
            let document = policy.document().ok_or_else(|| versions::undocumented(&arn))?;
            out.push(source(name, "IAM Policy", &document.to_string())?);
        } else {
            let policy = own_policy(&iam.store, &role.key.account, &arn).await?;
            let policy = policy.ok_or_else(|| no_such_entity(format!("Policy {arn} was not found.")))?;
            out.push(source(name, "IAM Policy", versions::default_text(&policy.body))?);
        }
    }
    Ok(out)
}

fn source(id: String, kind: &'static str, text: &str) -> Result<Source, ApiError> {
    let document = Document::parse(text, Kind::Identity)
        .map_err(|e| ApiError::new("InvalidInput", 400, format!("Invalid Policy Document: {id}: {e}")))?;
    Ok(Source { id, kind, document })
}
