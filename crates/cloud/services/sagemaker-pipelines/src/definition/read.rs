//! From the JSON text to steps. What they refer to is not looked at here.

use serde_json::{Map, Value, json};

use super::{Branch, Definition, PropertyFile, Step, VERSION, cache, retry};
use crate::expression::condition;
use crate::kinds::{self, REFUSED, Runs};
use crate::parameter::{Parameter, Type};

/// Members of a step that all kinds have.
const COMMON: &[&str] = &["Name", "Type", "Arguments", "DependsOn", "DisplayName", "Description"];

/// Conditions in branches of conditions: no definition that a person wrote is deeper.
const DEEPEST: usize = 32;

/// More steps than AWS lets a pipeline have, and no more than are handled in no time.
const MOST: usize = 1000;

pub(super) fn definition(text: &str) -> Result<Definition, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| format!("It is not valid JSON: {error}."))?;
    let map = value.as_object().ok_or("It is not a JSON object.")?;
    match map.get("Version").and_then(Value::as_str) {
        Some(VERSION) => {}
        Some(other) => return Err(format!("Unknown version '{other}'. The version is '{VERSION}'.")),
        None => return Err(format!("It has no Version. The version is '{VERSION}'.")),
    }
    let list = |member: &str| match map.get(member) {
        None | Some(Value::Null) => Ok(&[] as &[Value]),
        Some(Value::Array(items)) => Ok(items.as_slice()),
        Some(_) => Err(format!("{member} must be a list.")),
    };
    let parameters = list("Parameters")?.iter().map(Parameter::parse).collect::<Result<Vec<_>, _>>()?;
    for (at, parameter) in parameters.iter().enumerate() {
        if parameters.iter().take(at).any(|earlier| earlier.name == parameter.name) {
            return Err(format!("There are two parameters with the name {}.", parameter.name));
        }
    }
    if !map.contains_key("Steps") {
        return Err("It has no Steps.".to_owned());
    }
    let mut steps = Vec::new();
    all(list("Steps")?, None, 0, &mut steps)?;
    let experiment = map.get("PipelineExperimentConfig").filter(|config| !config.is_null()).cloned();
    Ok(Definition { parameters, experiment, steps })
}

fn all(list: &[Value], branch: Option<Branch>, depth: usize, steps: &mut Vec<Step>) -> Result<(), String> {
    if depth > DEEPEST {
        return Err(format!("Its conditions are nested deeper than {DEEPEST} times."));
    }
    for value in list {
        let map = value.as_object().ok_or("A step is not a JSON object.")?;
        let (mut step, branches) = step(map, branch)?;
        if steps.iter().any(|earlier| earlier.name == step.name) {
            return Err(format!("There are two steps with the name {}. Step names must be unique.", step.name));
        }
        let of = steps.len();
        if of == MOST {
            return Err(format!("It has more than {MOST} steps. Split the pipeline."));
        }
        step.branch = branch;
        steps.push(step);
        for (inner, when) in branches {
            all(&inner, Some(Branch { of, when }), depth + 1, steps)?;
        }
    }
    Ok(())
}

/// A step, and the steps in its branches.
#[allow(clippy::type_complexity)] // a step and its two branches
fn step(map: &Map<String, Value>, branch: Option<Branch>) -> Result<(Step, Vec<(Vec<Value>, bool)>), String> {
    let text = |member: &str| map.get(member).and_then(Value::as_str);
    let name = text("Name").filter(|name| is_name(name)).ok_or_else(|| {
        let given = map.get("Name").unwrap_or(&Value::Null);
        format!("The step name {given} is not valid: use 1 to 64 letters, digits, '-' or '_'.")
    })?;
    let told = |why: String| format!("Step {name}: {why}");
    let given = text("Type").unwrap_or_default();
    let kind = kinds::find(given).ok_or_else(|| match REFUSED.iter().find(|(refused, _)| *refused == given) {
        Some((_, instead)) => told(format!(
            "Steps of type {given} are not supported by the embedded cloud. {instead}, or use a real AWS account for it (unset AWS_ENDPOINT_URL)."
        )),
        None => told(format!("Unknown step type '{given}'.")),
    })?;
    let own: &[&str] = match kind.runs {
        Runs::Lambda => &["FunctionArn", "OutputParameters"],
        Runs::Callback => &["SqsQueueUrl", "OutputParameters"],
        Runs::Resource(_) if kind.name == "Processing" => &["PropertyFiles"],
        Runs::Resource(_) | Runs::Condition | Runs::Fail => &[],
    };
    let allowed = |member: &str| {
        COMMON.contains(&member)
            || own.contains(&member)
            || (member == "CacheConfig" && !kind.cached_by.is_empty())
            || (member == "RetryPolicies" && kind.retries)
    };
    if let Some(member) = map.keys().find(|member| !allowed(member)) {
        return Err(told(format!("Unknown member '{member}' of a step of type {given}.")));
    }
    let mut arguments = map.get("Arguments").cloned().filter(|value| !value.is_null()).unwrap_or_else(|| json!({}));
    let mut branches = Vec::new();
    match (kind.runs, &mut arguments) {
        (Runs::Condition, Value::Object(arguments)) => branches = split(arguments).map_err(told)?,
        (_, Value::Object(_)) => {}
        _ => return Err(told("Its Arguments are not a JSON object.".to_owned())),
    }
    let step = Step {
        name: name.to_owned(),
        kind,
        display: text("DisplayName").map(str::to_owned),
        description: text("Description").map(str::to_owned),
        arguments,
        target: own
            .first()
            .filter(|_| kind.name != "Processing")
            .map(|member| target(map, member))
            .transpose()
            .map_err(told)?,
        outputs: outputs(map.get("OutputParameters")).map_err(told)?,
        files: files(map.get("PropertyFiles")).map_err(told)?,
        cache: cached(map.get("CacheConfig")).map_err(told)?,
        retries: map.get("RetryPolicies").map(retry::parse).transpose().map_err(told)?.unwrap_or_default(),
        depends_on: names(map.get("DependsOn")).map_err(told)?,
        branch,
        needs: Vec::new(),
    };
    Ok((step, branches))
}

fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

/// Takes the steps of both branches out of a Condition step's arguments.
fn split(arguments: &mut Map<String, Value>) -> Result<Vec<(Vec<Value>, bool)>, String> {
    let known = ["Conditions", "IfSteps", "ElseSteps"];
    if let Some(other) = arguments.keys().find(|member| !known.contains(&member.as_str())) {
        return Err(format!("Unknown Argument member '{other}'."));
    }
    match arguments.get("Conditions") {
        Some(Value::Array(conditions)) => conditions.iter().try_for_each(condition::check)?,
        _ => return Err("It has no list of Conditions.".to_owned()),
    }
    let mut branches = Vec::new();
    for (member, when) in [("IfSteps", true), ("ElseSteps", false)] {
        match arguments.shift_remove(member) {
            None | Some(Value::Null) => {}
            Some(Value::Array(steps)) => branches.push((steps, when)),
            Some(_) => return Err(format!("{member} must be a list.")),
        }
    }
    Ok(branches)
}

fn target(map: &Map<String, Value>, member: &str) -> Result<Value, String> {
    map.get(member).filter(|value| !value.is_null()).cloned().ok_or_else(|| format!("It has no {member}."))
}

fn outputs(value: Option<&Value>) -> Result<Vec<(String, Type)>, String> {
    let output = |output: &Value| {
        let text = |member: &str| output.get(member).and_then(Value::as_str);
        let name = text("OutputName").ok_or("An output parameter has no OutputName.")?;
        let given = text("OutputType").unwrap_or("String");
        let kind = Type::parse(given).ok_or_else(|| format!("Unknown type '{given}' of output {name}."))?;
        Ok((name.to_owned(), kind))
    };
    value.and_then(Value::as_array).into_iter().flatten().map(output).collect()
}

fn files(value: Option<&Value>) -> Result<Vec<PropertyFile>, String> {
    let file = |file: &Value| {
        let text = |member: &str| {
            let text = file.get(member).and_then(Value::as_str).filter(|text| !text.is_empty());
            text.map(str::to_owned).ok_or_else(|| format!("A property file has no {member}."))
        };
        Ok(PropertyFile { name: text("PropertyFileName")?, output: text("OutputName")?, path: text("FilePath")? })
    };
    value.and_then(Value::as_array).into_iter().flatten().map(file).collect()
}

#[allow(clippy::option_option)] // whether there is a cache, and whether it ends
fn cached(value: Option<&Value>) -> Result<Option<Option<i64>>, String> {
    let Some(config) = value.filter(|config| config.get("Enabled") == Some(&Value::Bool(true))) else {
        return Ok(None);
    };
    match config.get("ExpireAfter").filter(|after| !after.is_null()) {
        None => Ok(Some(None)),
        Some(after) => match after.as_str().and_then(cache::duration) {
            Some(milliseconds) => Ok(Some(Some(milliseconds))),
            None => Err(format!(
                "ExpireAfter {after} of its CacheConfig is not an ISO 8601 duration, such as \"P30D\" or \"PT1H\"."
            )),
        },
    }
}

fn names(value: Option<&Value>) -> Result<Vec<String>, String> {
    let name = |name: &Value| {
        name.as_str().map(str::to_owned).ok_or_else(|| format!("DependsOn has {name}; it must be the name of a step."))
    };
    match value {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(names)) => names.iter().map(name).collect(),
        Some(_) => Err("DependsOn must be a list of names.".to_owned()),
    }
}
