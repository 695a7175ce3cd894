//! Desires and observations to decide about.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sagewright_engine::{Decision, Desired, Found, Object, Observed, Step, conditions, keys, mark};
use sagewright_kinds::{Kind, Path, set};
use sagewright_model::ShapeType;
use serde_json::{Map, Value, json};

pub const NOW: Timestamp = Timestamp::UNIX_EPOCH;

/// Values of spec members, enough to name one resource of each kind and to have something that differs.
pub fn members(kind: &Kind) -> Map<String, Value> {
    let mut out = Map::new();
    for member in kind.row().identity.name.iter().chain(&kind.row().identity.within) {
        if member != "ModelPackageName" {
            out.insert(member.clone(), json!("thing"));
        }
    }
    out
}

pub fn object(kind: &Kind, spec: &Map<String, Value>) -> Object {
    Object { spec: kind.spec_to_crd(&Value::Object(spec.clone())), ..Object::new(kind, "thing") }
}

pub fn desired(kind: &Kind, spec: &Map<String, Value>) -> Desired {
    Desired::new(kind, &object(kind, spec)).unwrap()
}

/// A resource in a status, owned as told; `owner` empty for one without a mark.
pub fn found(kind: &Kind, spec: &Map<String, Value>, word: &str, owner: &str, more: Value) -> Found {
    let mut output = spec.clone();
    let row = kind.row();
    if let Some(arn) = &row.identity.arn {
        output.insert(arn.clone(), json!("arn:aws:sagemaker:us-east-1:123456789012:thing/thing"));
    }
    if kind.name() == "PipelineExecution" {
        output.shift_remove("PipelineName");
        output.insert("PipelineArn".into(), json!("arn:aws:sagemaker:us-east-1:123456789012:pipeline/thing"));
    }
    if let Some(member) = &row.status.member {
        let mut document = Value::Object(output);
        set(&mut document, &Path::parse(member), json!(word));
        output = document.as_object().unwrap().clone();
    }
    let mut tags = BTreeMap::new();
    if !owner.is_empty() {
        if let Some(member) = row.tags.mark.as_deref() {
            let map = kind.spec_shape(&Path::parse(member)).unwrap().kind == ShapeType::Map;
            let marked = if map { json!({keys::OWNER: owner}) } else { json!(mark::suffix(owner)) };
            output.insert(member.to_owned(), marked);
        }
        tags.insert(keys::OWNER.to_owned(), owner.to_owned());
    }
    for (key, value) in more.as_object().into_iter().flatten() {
        output.insert(key.clone(), value.clone());
    }
    Found::new(kind, Value::Object(output), tags)
}

pub fn there(found: Found) -> Observed {
    Observed::Found(Box::new(found))
}

pub fn words(kind: &Kind) -> Vec<String> {
    let status = &kind.row().status;
    let all = [
        &status.progressing,
        &status.settled,
        &status.failed,
        &status.stopping,
        &status.stopped,
        &status.deleting,
        &status.gone,
    ];
    let mut words: Vec<String> = all.into_iter().flatten().cloned().collect();
    if words.is_empty() || status.optional {
        words.push(String::new());
    }
    if status.member.is_some() {
        words.push("NeverHeardOf".to_owned());
    }
    words
}

pub fn brief(decision: &Decision) -> String {
    let steps: Vec<String> = decision
        .steps
        .iter()
        .map(|step| match step {
            Step::Create { operation, .. }
            | Step::Update { operation, .. }
            | Step::Stop { operation, .. }
            | Step::Delete { operation, .. } => operation.clone(),
            Step::SyncTags { .. } => "tags".to_owned(),
            Step::Adopt { .. } => "adopt".to_owned(),
            Step::Wait { .. } => "wait".to_owned(),
            Step::Refuse(refusal) => format!("refuse({:?})", refusal.kind),
        })
        .collect();
    let holds = |name: &str| decision.conditions.iter().find(|c| c.kind == name).map(|c| c.status.to_string());
    let ready = holds(conditions::READY).unwrap_or_default();
    let terminal = if holds(conditions::TERMINAL).is_some() { " terminal" } else { "" };
    let steps = if steps.is_empty() { "-".to_owned() } else { steps.join("+") };
    format!("{steps} ready={ready}{terminal}")
}
