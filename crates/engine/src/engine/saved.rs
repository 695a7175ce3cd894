//! Plans that are kept, approved and then applied exactly.

use jiff::Timestamp;
use sagewright_kinds::Kind;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{ApplyOptions, Engine};
use crate::decide::{Decision, KNOWN_AFTER_APPLY, Step};
use crate::document::{Document, digest};
use crate::error::EngineError;
use crate::event::Observer;
use crate::object::{Object, ObjectId};
use crate::report::{Plan, Planned, Report};

/// A plan that is kept to be applied later. It holds the manifests whole, secrets in them included.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SavedPlan {
    /// When it was made.
    pub made: Timestamp,
    /// The account that it was made against.
    pub account: Option<String>,
    /// The region that it was made against.
    pub region: String,
    /// What would be done.
    pub plan: Plan,
}

impl Document for SavedPlan {
    const FORMAT: &'static str = "sagewright.dev/saved-plan/v1";
}

impl SavedPlan {
    /// The document, with a digest over all that it says.
    #[must_use]
    pub fn seal(&self) -> Value {
        let mut document = self.to_document();
        let seal = digest(&document);
        if let Some(map) = document.as_object_mut() {
            map.insert("digest".to_owned(), json!(seal));
        }
        document
    }

    /// Reads a sealed document.
    ///
    /// # Errors
    /// Why it is no plan, or not the one that was sealed.
    pub fn open(mut document: Value) -> Result<Self, String> {
        let seal = document.as_object_mut().and_then(|map| map.shift_remove("digest"));
        let saved = Self::from_document(document.clone())?;
        match seal.as_ref().and_then(Value::as_str) {
            None => Err("it has no digest".to_owned()),
            Some(seal) if seal == digest(&document) => Ok(saved),
            Some(_) => Err("its content does not match its digest: it was changed after it was made".to_owned()),
        }
    }

    /// The digest that the sealed document bears.
    #[must_use]
    pub fn digest(&self) -> String {
        digest(&self.to_document())
    }
}

impl Engine {
    /// Applies a plan exactly: when anything would be done otherwise than the plan says, nothing is done. An object that
    /// changes while the plan is applied is refused when its turn comes.
    ///
    /// # Errors
    /// What has changed since the plan was made; as [`Engine::apply`].
    pub async fn apply_plan(
        &self,
        plan: &Plan,
        options: &ApplyOptions,
        observer: &dyn Observer,
    ) -> Result<Report, EngineError> {
        let objects: Vec<Object> = plan.objects.iter().map(|planned| planned.object.clone()).collect();
        let now = self.plan(&objects).await?;
        let changed: Vec<(ObjectId, String)> = plan
            .objects
            .iter()
            .filter_map(|planned| {
                let id = planned.object.id();
                let current = now.objects.iter().find(|other| other.object.id() == id)?;
                Some((id, difference(planned, current)?))
            })
            .collect();
        if !changed.is_empty() {
            return Err(EngineError::PlanChanged(changed));
        }
        self.apply_exactly(&objects, plan, options, observer).await
    }
}

/// What would be done otherwise than planned.
fn difference(planned: &Planned, current: &Planned) -> Option<String> {
    if let Some(failure) = &current.failure {
        return Some(failure.to_string());
    }
    let kind = planned.object.row()?;
    otherwise(kind, &planned.decision, &current.decision)
}

/// Where a decision is not the planned one: the writes, their inputs and the changes shown. Waits and notes do not count.
/// A planned value that only an apply can tell stands for any.
pub(crate) fn otherwise(kind: &Kind, planned: &Decision, actual: &Decision) -> Option<String> {
    let steps = |decision: &Decision| -> Vec<Value> {
        let done = decision.steps.iter().filter(|step| !matches!(step, Step::Wait { .. }));
        done.filter_map(|step| serde_json::to_value(without_tokens(kind, step)).ok()).collect()
    };
    let changes = |decision: &Decision| serde_json::to_value(&decision.changes).unwrap_or_default();
    let (before, now) = (steps(planned), steps(actual));
    if !(same(&json!(before), &json!(now)) && same(&changes(planned), &changes(actual))) {
        return Some(format!("the plan was to {}; now it would be to {}", words(planned), words(actual)));
    }
    None
}

/// Idempotency tokens differ each time.
fn without_tokens(kind: &Kind, step: &Step) -> Step {
    let mut step = step.clone();
    if let Step::Create { operation, input } | Step::Update { operation, input } = &mut step
        && let (Some(shape), Some(map)) = (kind.service().input(operation), input.as_object_mut())
    {
        map.retain(|member, _| shape.members.get(member.as_str()).is_none_or(|m| !m.idempotency_token));
    }
    step
}

fn same(planned: &Value, actual: &Value) -> bool {
    match (planned, actual) {
        (Value::String(text), Value::String(_)) if text.contains(KNOWN_AFTER_APPLY) => true,
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, value)| b.get(key).is_some_and(|other| same(value, other)))
        }
        (a, b) => a == b,
    }
}

fn words(decision: &Decision) -> String {
    if let Some(refusal) = decision.refusal() {
        return format!("refuse ({})", refusal.reason);
    }
    let fields: Vec<&str> = decision.changes.iter().map(|change| change.path.as_str()).collect();
    match (decision.writes(), fields.is_empty()) {
        (false, _) => "do nothing".to_owned(),
        (true, true) => format!("{:?}", decision.action()).to_lowercase(),
        (true, false) => format!("{} ({})", format!("{:?}", decision.action()).to_lowercase(), fields.join(", ")),
    }
}
