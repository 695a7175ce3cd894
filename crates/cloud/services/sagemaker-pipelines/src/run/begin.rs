//! The begin of an attempt: what the step needs is looked up, and what runs for it is created.

use sagewright_cloud_core::records::Key;
use sagewright_cloud_sagemaker_base::machine;
use sagewright_cloud_sagemaker_base::resource::cut;
use serde_json::Value;

use super::values::{Values, known};
use super::{Read, cache, command, definition, failed, names, read, resource};
use crate::definition::retry::Exception;
use crate::definition::{Definition, Step};
use crate::execution::machine::Executions;
use crate::execution::state::{Attempt, Done, End, Phase, State, Status};
use crate::execution::step::Event;
use crate::expression::{Known, condition, evaluate, text};
use crate::kinds::Runs;

/// What an attempt is begun with.
pub(super) struct Begin<'a> {
    pub(super) executions: &'a Executions,
    pub(super) key: &'a Key,
    pub(super) attempt: Attempt,
    pub(super) read: &'a Read,
    pub(super) step: &'a Step,
    /// The name of what it creates; empty where that is not given one.
    pub(super) name: String,
    /// Its arguments, without expressions.
    pub(super) arguments: Value,
    /// The function or queue.
    pub(super) target: String,
    /// By what it counts as the same step.
    pub(super) fingerprint: Option<String>,
}

pub(super) async fn begin(executions: &Executions, key: &Key, attempt: Attempt) -> Option<Event> {
    let read = read(executions, key, attempt).await?;
    let definition = match definition(executions, &read, attempt).await {
        Ok(definition) => definition,
        Err(event) => return Some(event),
    };
    let step = definition.steps.get(attempt.step)?;
    let sm = &executions.0;
    let values = Values::new(sm, &read.who, &definition, &read.state);
    let mut known = known(&read.record, &read.facts, sm.env().sim.now());
    if let Runs::Condition = step.kind.runs {
        return Some(decide(attempt, step, &values, &mut known).await);
    }
    let mut name = String::new();
    let mut created = None;
    if let Runs::Resource(kind) = step.kind.runs {
        let prefix = match step.arguments.get(kind.named_by) {
            Some(prefix) => values.evaluate(&mut known, prefix, |known| evaluate(prefix, known)).await.ok(),
            None => None,
        };
        name = resource::name(&read, kind, step, attempt, prefix.as_ref().and_then(Value::as_str));
        if !kind.variable.is_empty() {
            known.variables.insert(kind.variable.to_owned(), Value::String(name.clone()));
        }
        created = resource::existing(sm, &read.who, kind, &name).await;
    }
    let resolved = resolve(step, &values, &mut known).await;
    // What an earlier process created for the attempt is the step's, whatever else there is by now.
    if let (Some(arn), Runs::Resource(kind)) = (created, step.kind.runs) {
        let fingerprint = resolved.ok().and_then(|(arguments, target)| fingerprint(step, &arguments, &target));
        return Some(resource::begun(
            attempt,
            kind,
            Done { resource: Some(name), arn: Some(arn), fingerprint, ..Done::default() },
        ));
    }
    if read.state.status == Status::Stopping && phase(&read.state, attempt) == Some(Phase::Starting) {
        return Some(Event::Ended(attempt, End::Stopped));
    }
    let (arguments, target) = match resolved {
        Ok(resolved) => resolved,
        Err(why) => {
            return Some(failed(attempt, format!("ClientError: The arguments of the step have no value: {why}.")));
        }
    };
    let fingerprint = fingerprint(step, &arguments, &target);
    let begin = Begin { executions, key, attempt, read: &read, step, name, arguments, target, fingerprint };
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

/// Tells who has to answer a callback that the execution stops: it goes on stopping until there is an answer.
pub(super) async fn ask_to_stop(
    executions: &Executions,
    key: &Key,
    read: &Read,
    definition: &Definition,
    attempt: Attempt,
) -> Option<Event> {
    let step = definition.steps.get(attempt.step)?;
    let sm = &executions.0;
    let values = Values::new(sm, &read.who, definition, &read.state);
    let mut known = known(&read.record, &read.facts, sm.env().sim.now());
    let (arguments, target) = match resolve(step, &values, &mut known).await {
        Ok(resolved) => resolved,
        Err(why) => {
            return Some(failed(attempt, format!("ClientError: The arguments of the step have no value: {why}.")));
        }
    };
    let fingerprint = fingerprint(step, &arguments, &target);
    let begin = Begin { executions, key, attempt, read, step, name: String::new(), arguments, target, fingerprint };
    command::ask(&begin, "Stopping").await
}

async fn decide(attempt: Attempt, step: &Step, values: &Values<'_>, known: &mut Known) -> Event {
    let conditions = step.arguments.get("Conditions").and_then(Value::as_array).map_or(&[] as &[Value], Vec::as_slice);
    match values.evaluate(known, &step.arguments, |known| condition::all_hold(conditions, known)).await {
        Ok(outcome) => Event::Ended(attempt, End::Succeeded(Done { outcome: Some(outcome), ..Done::default() })),
        Err(why) => failed(attempt, format!("ClientError: The conditions cannot be evaluated: {why}.")),
    }
}

/// The arguments and the target of a step, without expressions.
async fn resolve(step: &Step, values: &Values<'_>, known: &mut Known) -> Result<(Value, String), String> {
    let target = step.target.clone().unwrap_or_default();
    let target = values.evaluate(known, &target, |known| evaluate(&target, known)).await?;
    let arguments = values.evaluate(known, &step.arguments, |known| evaluate(&step.arguments, known)).await?;
    Ok((arguments, text(&target)))
}

fn phase(state: &State, attempt: Attempt) -> Option<Phase> {
    state.steps.get(attempt.step).filter(|step| step.attempt == attempt.number).map(|step| step.phase)
}

/// Letters of a Fail step's message, as the service model has it.
const LONGEST_MESSAGE: usize = 3072;

fn fail(begin: &Begin<'_>) -> Event {
    let message = begin.arguments.get("ErrorMessage").map(text).unwrap_or_default();
    let reason = (!message.is_empty()).then(|| cut(&message).to_owned());
    let message = message.chars().take(LONGEST_MESSAGE).collect();
    let done = Done { message: Some(message), ..Done::default() };
    Event::Ended(begin.attempt, End::Failed { exception: Exception::Other, reason, done })
}

/// By what a step counts as the same: the attributes that its kind is cached by.
fn fingerprint(step: &Step, arguments: &Value, target: &str) -> Option<String> {
    let chosen: Vec<(&str, Option<&Value>)> = match step.kind.cached_by {
        [] => return None,
        [crate::kinds::ALL] => vec![("*", Some(arguments))],
        members => members.iter().map(|member| (*member, arguments.pointer(&format!("/{member}")))).collect(),
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

/// Tells that an attempt has begun; whether it goes on.
pub(super) async fn began(begin: &Begin<'_>, done: Done) -> bool {
    let told = machine::insist(begin.executions, begin.key, &Event::Began(begin.attempt, done)).await;
    told.is_some_and(|record| phase(&machine::state::<Executions>(&record), begin.attempt) == Some(Phase::Executing))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_order_of_members_makes_no_other_step() {
        let step = json!({"Name": "L", "Type": "Lambda", "FunctionArn": "f", "Arguments": {}});
        let definition = Definition::parse(&json!({"Version": "2020-12-01", "Steps": [step]}).to_string()).unwrap();
        let of = |arguments: Value| fingerprint(&definition.steps[0], &arguments, "f");
        let usual = of(json!({"a": [{"x": 1, "y": 2}], "b": 3}));
        assert_eq!(of(json!({"b": 3, "a": [{"y": 2, "x": 1}]})), usual);
        assert_ne!(of(json!({"b": 3, "a": [{"y": 1, "x": 2}]})), usual);
    }

    /// "Default cache key attributes by pipeline step type", developer guide.
    #[test]
    fn a_tuning_step_counts_as_the_same_by_some_members_of_its_training_job() {
        let step = json!({"Name": "T", "Type": "Tuning", "Arguments": {}});
        let definition = Definition::parse(&json!({"Version": "2020-12-01", "Steps": [step]}).to_string()).unwrap();
        let of = |member: &str, value: Value| {
            let mut training =
                json!({"AlgorithmSpecification": {"TrainingImage": "i"}, "RoleArn": "r", "ResourceConfig": {}});
            training[member] = value;
            fingerprint(&definition.steps[0], &json!({"TrainingJobDefinition": training}), "")
        };
        let usual = of("RoleArn", json!("r"));
        for (member, value) in [("RoleArn", json!("other")), ("ResourceConfig", json!({"InstanceCount": 2}))] {
            assert_eq!(of(member, value), usual, "{member}");
        }
        for member in [
            "AlgorithmSpecification",
            "HyperParameterRanges",
            "InputDataConfig",
            "StaticHyperParameters",
            "TuningObjective",
        ] {
            assert_ne!(of(member, json!({"x": 1})), usual, "{member}");
        }
    }
}
