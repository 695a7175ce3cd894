//! Plans that are kept, approved and then applied exactly.

use std::collections::{BTreeSet, HashMap, HashSet};

use jiff::Timestamp;
use sagewright_decide::{Change, Decision, Desired, Effect, KNOWN_AFTER_APPLY, Step};
use sagewright_kinds::Kind;
use sagewright_objects::mark::Installation;
use sagewright_objects::object::{Object, ObjectId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{ApplyOptions, Engine};
use crate::document::{Document, digest};
use crate::error::EngineError;
use crate::event::Observer;
use crate::report::{Plan, Planned, Report};

/// Characters of a value that a message shows.
const LONGEST: usize = 80;

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
    /// The installation that it was made for.
    #[serde(default)]
    pub installation: Installation,
    /// What would be done.
    pub plan: Plan,
}

impl Document for SavedPlan {
    // Changes of version 1 may lack the places of secrets (`Change::hidden`): whoever shows them would show the secrets.
    const FORMAT: &'static str = "sagewright.dev/saved-plan/v2";
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
        let said = digest(&document);
        let saved = Self::from_document(document)?;
        match seal.as_ref().and_then(Value::as_str) {
            None => Err("it has no digest".to_owned()),
            Some(seal) if seal == said => Ok(saved),
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
        let current: HashMap<ObjectId, &Planned> = now.objects.iter().map(|now| (now.object.id(), now)).collect();
        let changed: Vec<(ObjectId, String)> = plan
            .objects
            .iter()
            .filter_map(|planned| {
                let id = planned.object.id();
                let why = difference(planned, current.get(&id)?)?;
                Some((id, why))
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
    otherwise(kind, &planned.object, &planned.decision, &current.decision)
}

/// Where a decision is not the planned one: the writes, their inputs and the changes shown. Waits and notes do not count.
/// Where the object has a reference, a planned value that only an apply can tell stands for any; nowhere else, and no text
/// that merely holds those words.
pub(crate) fn otherwise(kind: &Kind, object: &Object, planned: &Decision, actual: &Decision) -> Option<String> {
    let open = Open::of(kind, object);
    let steps = |decision: &Decision| -> Vec<Value> {
        let done = decision.steps.iter().filter(|step| !matches!(step, Step::Wait { .. }));
        done.filter_map(|step| serde_json::to_value(without_tokens(kind, step)).ok()).collect()
    };
    let (before, now) = (steps(planned), steps(actual));
    let (was, is) = (words(planned), words(actual));
    let mut why: Vec<String> = Vec::new();
    if was != is {
        why.push(format!("the plan was to {was}; now it would be to {is}"));
    }
    // Where all is made anew, or nothing is done any more, the fields say nothing of their own.
    if was == is || (!planned.writes() && actual.writes()) {
        why.extend(fields(&open, &planned.changes, &actual.changes));
    }
    let equal = before.len() == now.len() && before.iter().zip(&now).all(|(before, now)| open.same_input(before, now));
    if why.is_empty() && !equal {
        why.push(format!("AWS would be sent other values than planned: {}", sent(&open, &before, &now)));
    }
    (!why.is_empty()).then(|| why.join("; "))
}

/// Fields that would change otherwise than planned.
fn fields(open: &Open, planned: &[Change], actual: &[Change]) -> Vec<String> {
    let find = |changes: &[Change], path: &str| changes.iter().find(|change| change.path == path).cloned();
    let gone = planned.iter().filter(|change| find(actual, &change.path).is_none());
    let gone = gone.map(|change| format!("`{}` would not change any more", change.path));
    let others = actual.iter().filter_map(|now| match find(planned, &now.path) {
        Some(before) if open.same_change(&before, now) => None,
        Some(before) => Some(format!("`{}` would change {}, not {}", now.path, way(now), way(&before))),
        None => Some(format!("`{}` would change too, {}", now.path, way(now))),
    });
    gone.chain(others).collect()
}

/// From what to what a field would change.
fn way(change: &Change) -> String {
    let change = &change.masked();
    let side = |value: &Option<Value>| match value {
        None => "nothing".to_owned(),
        Some(value) => {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let cut = text.char_indices().nth(LONGEST).map(|(at, _)| format!("{}…", &text[..at]));
            cut.unwrap_or(text)
        }
    };
    let refused = if change.effect == Effect::Refused { ", which is refused" } else { "" };
    format!("from {} to {}{refused}", side(&change.from), side(&change.to))
}

/// The calls and their members that would be sent otherwise. Their values may be secrets.
fn sent(open: &Open, planned: &[Value], actual: &[Value]) -> String {
    let operation = |step: &Value| {
        let name = step.get("operation").or_else(|| step.get("step")).and_then(Value::as_str);
        name.unwrap_or_default().to_owned()
    };
    let operations = |steps: &[Value]| steps.iter().map(&operation).collect::<Vec<_>>();
    if operations(planned) != operations(actual) {
        let list = |steps: &[Value]| if steps.is_empty() { "none".to_owned() } else { operations(steps).join(", ") };
        return format!("{} in place of {}", list(actual), list(planned));
    }
    let different = planned.iter().zip(actual).filter(|(before, now)| !open.same_input(before, now));
    let members = different.flat_map(|(before, now)| {
        let input = |step: &Value| step.get("input").and_then(Value::as_object).cloned().unwrap_or_default();
        let (before, after) = (input(before), input(now));
        let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        let differs =
            |name: &str| !matches!((before.get(name), after.get(name)), (Some(a), Some(b)) if open.same_input(a, b));
        let names = names.into_iter().filter(|name| differs(name));
        names.map(|name| format!("{}.{name}", operation(now))).collect::<Vec<_>>()
    });
    let members: Vec<String> = members.collect();
    if members.is_empty() { operations(actual).join(", ") } else { members.join(", ") }
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

/// The fields whose values only an apply can tell: where the object has references.
struct Open {
    /// As changes name them: `spec.productionVariants[0].modelName`.
    paths: HashSet<String>,
    /// The members of AWS. An update may have them elsewhere than a create; what is shown is held by its path.
    members: HashSet<String>,
}

impl Open {
    fn of(kind: &Kind, object: &Object) -> Self {
        let pending = Desired::new(kind, object).map(|desired| desired.pending).unwrap_or_default();
        let references = || pending.iter().map(|pending| &pending.reference.path);
        Self {
            paths: references().map(|path| format!("spec.{}", kind.spec_path_to_crd(path))).collect(),
            members: references().filter_map(|path| path.last().map(str::to_owned)).collect(),
        }
    }

    fn same_change(&self, planned: &Change, actual: &Change) -> bool {
        let at = |path: &str| self.paths.contains(path);
        let side = |a: &Option<Value>, b: &Option<Value>| match (a, b) {
            (Some(a), Some(b)) => same(a, b, &planned.path, &at),
            (a, b) => a == b,
        };
        (planned.effect, planned.sensitive) == (actual.effect, actual.sensitive)
            && planned.from == actual.from
            && side(&planned.to, &actual.to)
    }

    fn same_input(&self, planned: &Value, actual: &Value) -> bool {
        let at = |path: &str| self.members.contains(path.rsplit('.').next().unwrap_or(path));
        same(planned, actual, "", &at)
    }
}

/// Whether two values are the same, but for what is open.
fn same(planned: &Value, actual: &Value, path: &str, is_open: &dyn Fn(&str) -> bool) -> bool {
    match (planned, actual) {
        (Value::String(text), Value::String(_)) if text == KNOWN_AFTER_APPLY && is_open(path) => true,
        (Value::Array(a), Value::Array(b)) => {
            let mut pairs = a.iter().zip(b).enumerate();
            a.len() == b.len() && pairs.all(|(i, (a, b))| same(a, b, &format!("{path}[{i}]"), is_open))
        }
        (Value::Object(a), Value::Object(b)) => {
            let find = |key: &String, value: &Value| {
                b.get(key).is_some_and(|other| same(value, other, &format!("{path}.{key}"), is_open))
            };
            a.len() == b.len() && a.iter().all(|(key, value)| find(key, value))
        }
        (a, b) => a == b,
    }
}

fn words(decision: &Decision) -> String {
    if let Some(refusal) = decision.refusal() {
        return format!("refuse ({})", refusal.reason);
    }
    if decision.writes() { format!("{:?}", decision.action()).to_lowercase() } else { "do nothing".to_owned() }
}
