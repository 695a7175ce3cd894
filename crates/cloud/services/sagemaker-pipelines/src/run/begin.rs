//! The begin of an attempt: what the step needs is looked up, and what runs for it is created.

use sagewright_cloud_core::records::Key;
use serde_json::Value;

use super::values::{Values, known};
use super::{Read, cache, command, definitions, failed, names, read, resource};
use crate::definition::Step;
use crate::definition::retry::Exception;
use crate::execution::machine::Executions;
use crate::execution::state::{Attempt, Done, End};
use crate::execution::step::Event;
use crate::expression::{condition, evaluate, text};
use crate::kinds::Runs;

/// What an attempt is begun with.
pub(super) struct Begin<'a> {
    pub(super) executions: &'a Executions,
    pub(super) key: &'a Key,
    pub(super) attempt: Attempt,
    pub(super) read: &'a Read,
    pub(super) step: &'a Step,
    /// Its arguments, without expressions.
    pub(super) arguments: Value,
    /// The function or queue.
    pub(super) target: String,
    /// By what it counts as the same step.
    pub(super) fingerprint: Option<String>,
}

pub(super) async fn begin(executions: &Executions, key: &Key, attempt: Attempt) -> Option<Event> {
    let read = read(executions, key, attempt).await?;
    let definition = match definitions::of(executions, &read).await {
        Ok(definition) => definition,
        Err(error) => return Some(failed(attempt, format!("The definition cannot be read: {}", error.message))),
    };
    let step = definition.steps.get(attempt.step)?;
    let sm = &executions.0;
    let values = Values { sm, who: &read.who, definition: &definition, state: &read.state };
    let mut known = known(&read.record, &read.facts, sm.env().sim.now());
    if let Runs::Resource(kind) = step.kind.runs
        && !kind.variable.is_empty()
    {
        let name = resource::name(&read, kind, step, attempt);
        known.variables.insert(kind.variable.to_owned(), Value::String(name));
    }
    if let Runs::Condition = step.kind.runs {
        let conditions =
            step.arguments.get("Conditions").and_then(Value::as_array).map_or(&[] as &[Value], Vec::as_slice);
        return Some(match values.evaluate(&mut known, |known| condition::all_hold(conditions, known)).await {
            Ok(outcome) => Event::Ended(attempt, End::Succeeded(Done { outcome: Some(outcome), ..Done::default() })),
            Err(why) => failed(attempt, format!("ClientError: The conditions cannot be evaluated: {why}.")),
        });
    }
    let target = step.target.clone().unwrap_or_default();
    let resolved =
        values.evaluate(&mut known, |known| Ok((evaluate(&step.arguments, known)?, text(&evaluate(&target, known)?))));
    let (arguments, target) = match resolved.await {
        Ok(resolved) => resolved,
        Err(why) => {
            return Some(failed(attempt, format!("ClientError: The arguments of the step have no value: {why}.")));
        }
    };
    let fingerprint = fingerprint(step, &arguments, &target);
    let begin = Begin { executions, key, attempt, read: &read, step, arguments, target, fingerprint };
    if let Some(done) = cache::hit(&begin, &values).await {
        return Some(Event::Ended(attempt, End::Succeeded(done)));
    }
    match step.kind.runs {
        Runs::Resource(kind) => Some(resource::create(&begin, kind).await),
        Runs::Lambda => command::call(&begin).await,
        Runs::Callback => command::send(&begin).await,
        Runs::Fail => Some(fail(&begin)),
        Runs::Condition => None,
    }
}

fn fail(begin: &Begin<'_>) -> Event {
    let message = begin.arguments.get("ErrorMessage").map(text).unwrap_or_default();
    let reason = (!message.is_empty()).then(|| message.clone());
    let done = Done { message: Some(message), ..Done::default() };
    Event::Ended(begin.attempt, End::Failed { exception: Exception::Other, reason, done })
}

/// By what a step counts as the same: the attributes that its kind is cached by.
fn fingerprint(step: &Step, arguments: &Value, target: &str) -> Option<String> {
    let chosen: Vec<(&str, Option<&Value>)> = match step.kind.cached_by {
        [] => return None,
        [crate::kinds::ALL] => vec![("*", Some(arguments))],
        members => members.iter().map(|member| (*member, arguments.get(member))).collect(),
    };
    let chosen: Vec<(&str, Value)> = chosen.into_iter().map(|(name, value)| (name, sorted(value))).collect();
    let text = serde_json::to_string(&chosen).unwrap_or_default();
    Some(names::fingerprint(&[step.kind.name, target, &text]))
}

/// A value whose members are in order: their order in the text says nothing.
fn sorted(value: Option<&Value>) -> Value {
    match value {
        None => Value::Null,
        Some(Value::Array(items)) => items.iter().map(|item| sorted(Some(item))).collect(),
        Some(Value::Object(map)) => {
            let mut members: Vec<_> = map.iter().map(|(name, value)| (name.clone(), sorted(Some(value)))).collect();
            members.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(members.into_iter().collect())
        }
        Some(other) => other.clone(),
    }
}

/// Tells an event of an attempt that goes on.
pub(super) async fn tell(begin: &Begin<'_>, event: Event) {
    sagewright_cloud_sagemaker_base::machine::insist(begin.executions, begin.key, &event).await;
}
