//! Expressions in a definition: `Get`, `Std:Join` and `Std:JsonGet`, in the place of any value.
//!
//! Evaluation is pure. It says what it has to know of other steps or of S3; who carries it out finds that out and evaluates again.

pub mod condition;
pub mod path;

use std::collections::HashMap;

use serde_json::{Map, Value};

/// What expressions may refer to, as far as it is known.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Values of all parameters.
    pub parameters: Map<String, Value>,
    /// Values of execution variables, such as `PipelineName`.
    pub variables: Map<String, Value>,
    /// Properties of steps, by name.
    pub steps: HashMap<String, Value>,
    /// Contents of property files, by step and name.
    pub files: HashMap<(String, String), Value>,
    /// Contents of JSON documents in S3, by URI.
    pub objects: HashMap<String, Value>,
}

/// Why an expression has no value yet, or none at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Open {
    /// The properties of a step have to be known.
    Step(String),
    /// A property file of a step has to be known.
    File(String, String),
    /// A JSON document in S3 has to be known.
    Object(String),
    /// It has no value: why.
    Fault(String),
}

fn fault<T>(why: impl Into<String>) -> Result<T, Open> {
    Err(Open::Fault(why.into()))
}

/// What a text after `Get` refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// `Parameters.NAME`
    Parameter(String),
    /// `Execution.NAME`
    Variable(String),
    /// `Steps.NAME.PATH`
    Property(String, Vec<path::Segment>),
    /// `Steps.NAME.PropertyFiles.NAME`
    File(String, String),
}

impl Reference {
    /// Reads a reference; `None` where it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (root, rest) = text.split_once('.')?;
        match root {
            "Parameters" => Some(Self::Parameter(rest.to_owned())),
            "Execution" => Some(Self::Variable(rest.to_owned())),
            "Steps" => {
                let end = rest.find(['.', '[']).unwrap_or(rest.len());
                let (step, rest) = rest.split_at_checked(end)?;
                let rest = rest.strip_prefix('.').unwrap_or(rest);
                match rest.strip_prefix("PropertyFiles.") {
                    Some(file) => Some(Self::File(step.to_owned(), file.to_owned())),
                    None => Some(Self::Property(step.to_owned(), path::parse(rest)?)),
                }
            }
            _ => None,
        }
    }

    /// The step that it needs, where it needs one.
    #[must_use]
    pub fn step(&self) -> Option<&str> {
        match self {
            Self::Property(step, _) | Self::File(step, _) => Some(step),
            Self::Parameter(_) | Self::Variable(_) => None,
        }
    }
}

/// An expression: an object with one member of a known name.
fn expression(value: &Value) -> Option<(&str, &Value)> {
    let map = value.as_object().filter(|map| map.len() == 1)?;
    let (name, inner) = map.iter().next()?;
    matches!(name.as_str(), "Get" | "Std:Join" | "Std:JsonGet").then_some((name.as_str(), inner))
}

/// Whether a value is an expression, and so known at run time only.
#[must_use]
pub fn is_expression(value: &Value) -> bool {
    expression(value).is_some()
}

/// The texts of all references in a value.
pub fn references<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
    match value {
        _ if expression(value).is_some_and(|(name, inner)| name == "Get" && inner.is_string()) => {
            found.extend(value.get("Get").and_then(Value::as_str));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        Value::Object(map) => map.values().for_each(|item| references(item, found)),
        _ => {}
    }
}

/// All that has to be known before a value can be evaluated, as far as that can be said already.
pub fn open(value: &Value, known: &Known, found: &mut Vec<Open>) {
    match expression(value) {
        Some(("Get" | "Std:JsonGet", _)) => found.extend(evaluate(value, known).err()),
        _ => match value {
            Value::Array(items) => items.iter().for_each(|item| open(item, known, found)),
            Value::Object(map) => map.values().for_each(|item| open(item, known, found)),
            _ => {}
        },
    }
}

/// The value of an expression, or of a value that may have some inside.
///
/// # Errors
/// What has to be known first, or why there is no value.
pub fn evaluate(value: &Value, known: &Known) -> Result<Value, Open> {
    match expression(value) {
        Some(("Get", Value::String(text))) => get(text, known),
        Some(("Get", _)) => fault("Get takes a text"),
        Some(("Std:Join", inner)) => join(inner, known),
        Some((_, inner)) => json_get(inner, known),
        None => match value {
            Value::Array(items) => items.iter().map(|item| evaluate(item, known)).collect(),
            Value::Object(map) => {
                let members = map.iter().map(|(name, item)| Ok((name.clone(), evaluate(item, known)?)));
                members.collect::<Result<Map<_, _>, Open>>().map(Value::Object)
            }
            other => Ok(other.clone()),
        },
    }
}

fn get(text: &str, known: &Known) -> Result<Value, Open> {
    let missing = || Open::Fault(format!("{text} has no value"));
    match Reference::parse(text) {
        Some(Reference::Parameter(name)) => known.parameters.get(&name).cloned().ok_or_else(missing),
        Some(Reference::Variable(name)) => known.variables.get(&name).cloned().ok_or_else(missing),
        Some(Reference::Property(step, path)) => {
            let Some(properties) = known.steps.get(&step) else { return Err(Open::Step(step)) };
            path::follow(properties, &path).cloned().ok_or_else(missing)
        }
        Some(Reference::File(..)) => fault(format!("{text} is a property file: only Std:JsonGet reads from it")),
        None => fault(format!("{text} is not a valid reference")),
    }
}

fn join(inner: &Value, known: &Known) -> Result<Value, Open> {
    let on = inner.get("On").map_or(Ok(Value::String(String::new())), |on| evaluate(on, known))?;
    let Some(values) = inner.get("Values").and_then(Value::as_array) else { return fault("Std:Join takes Values") };
    let texts = values.iter().map(|value| evaluate(value, known).map(|value| text(&value)));
    Ok(Value::String(texts.collect::<Result<Vec<_>, _>>()?.join(&text(&on))))
}

fn json_get(inner: &Value, known: &Known) -> Result<Value, Open> {
    let given = inner.get("Path").map(|path| evaluate(path, known)).transpose()?;
    let given = given.as_ref().and_then(Value::as_str).unwrap_or_default();
    let Some(path) = path::parse_json(given) else { return fault(format!("'{given}' is not a JSON path")) };
    let (document, place) = match (inner.get("PropertyFile"), inner.get("S3Uri")) {
        (Some(file), None) => {
            let text = file.get("Get").or(Some(file)).and_then(Value::as_str).unwrap_or_default();
            let Some(Reference::File(step, name)) = Reference::parse(text) else {
                return fault(format!("'{text}' is not a property file of a step"));
            };
            let at = (step, name);
            let document = known.files.get(&at).ok_or_else(|| Open::File(at.0.clone(), at.1.clone()))?;
            (document, format!("the property file {} of step {}", at.1, at.0))
        }
        (None, Some(uri)) => {
            let uri = text(&evaluate(uri, known)?);
            (known.objects.get(&uri).ok_or_else(|| Open::Object(uri.clone()))?, uri)
        }
        _ => return fault("Std:JsonGet takes either PropertyFile or S3Uri"),
    };
    path::follow(document, &path).cloned().ok_or_else(|| Open::Fault(format!("{place} has nothing at {given}")))
}

/// A value as text, as `Std:Join` has it.
#[must_use]
pub fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn known() -> Known {
        let map = |value: Value| value.as_object().cloned().unwrap_or_default();
        Known {
            parameters: map(json!({"Count": 2, "Name": "n", "On": true, "Rate": 0.5})),
            variables: map(json!({"PipelineName": "p"})),
            steps: HashMap::from([("Train".into(), json!({"ModelArtifacts": {"S3ModelArtifacts": "s3://m"}}))]),
            files: HashMap::from([(("Eval".into(), "report".into()), json!({"metrics": {"mse": [{"v": 1.5}]}}))]),
            objects: HashMap::from([("s3://b/p.json".into(), json!({"ok": true}))]),
        }
    }

    #[test]
    fn expressions_are_replaced_wherever_they_stand() {
        for (expression, value) in [
            (json!({"Get": "Parameters.Count"}), json!(2)),
            (json!({"Get": "Execution.PipelineName"}), json!("p")),
            (json!({"Get": "Steps.Train.ModelArtifacts.S3ModelArtifacts"}), json!("s3://m")),
            (
                json!({"Std:Join": {"On": "/", "Values": ["s3:/", {"Get": "Parameters.Name"}, 1, 0.5, true]}}),
                json!("s3://n/1/0.5/true"),
            ),
            (json!({"Std:Join": {"Values": ["a", {"Std:Join": {"On": "-", "Values": ["b", "c"]}}]}}), json!("ab-c")),
            (
                json!({"Std:JsonGet": {"PropertyFile": {"Get": "Steps.Eval.PropertyFiles.report"}, "Path": "metrics.mse[0].v"}}),
                json!(1.5),
            ),
            (
                json!({"Std:JsonGet": {"S3Uri": {"Std:Join": {"On": "/", "Values": ["s3:/", "b", {"Std:Join": {"On": ".", "Values": [{"Get": "Execution.PipelineName"}, "json"]}}]}}, "Path": "$.ok"}}),
                json!(true),
            ),
            (json!({"a": [{"b": {"Get": "Parameters.On"}}], "c": null}), json!({"a": [{"b": true}], "c": null})),
            (json!({"Get": "x", "other": 1}), json!({"Get": "x", "other": 1})),
        ] {
            assert_eq!(evaluate(&expression, &known()), Ok(value), "{expression}");
        }
    }

    #[test]
    fn all_that_is_not_known_yet_is_asked_for_at_once() {
        let mut found = Vec::new();
        let joined = json!({"Std:Join": {"On": "/", "Values": [{"Get": "Steps.A.X"}, {"Get": "Parameters.Name"}]}});
        let read =
            json!({"Std:JsonGet": {"S3Uri": {"Std:Join": {"Values": ["s3://b/", {"Get": "Steps.B.X"}]}}, "Path": "a"}});
        open(
            &json!([joined, {"x": read, "y": {"Std:JsonGet": {"S3Uri": "s3://b/q", "Path": "a"}}}]),
            &known(),
            &mut found,
        );
        assert_eq!(found, [Open::Step("A".into()), Open::Step("B".into()), Open::Object("s3://b/q".into())]);
    }

    #[test]
    fn what_is_not_known_yet_is_asked_for() {
        for (expression, open) in [
            (json!({"Get": "Steps.Other.ModelName"}), Open::Step("Other".into())),
            (
                json!({"Std:JsonGet": {"PropertyFile": {"Get": "Steps.Eval.PropertyFiles.x"}, "Path": "a"}}),
                Open::File("Eval".into(), "x".into()),
            ),
            (json!([{"Std:JsonGet": {"S3Uri": "s3://b/q", "Path": "a"}}]), Open::Object("s3://b/q".into())),
        ] {
            assert_eq!(evaluate(&expression, &known()), Err(open), "{expression}");
        }
        for (expression, why) in [
            (json!({"Get": "Parameters.X"}), "Parameters.X has no value"),
            (json!({"Get": "Steps.Train.X.Y"}), "Steps.Train.X.Y has no value"),
            (json!({"Get": "Nothing"}), "Nothing is not a valid reference"),
            (json!({"Get": 1}), "Get takes a text"),
            (json!({"Std:Join": {"On": "a"}}), "Std:Join takes Values"),
            (json!({"Std:JsonGet": {"Path": "a"}}), "Std:JsonGet takes either PropertyFile or S3Uri"),
            (json!({"Std:JsonGet": {"S3Uri": "s3://b/p.json", "Path": "no"}}), "s3://b/p.json has nothing at no"),
        ] {
            assert_eq!(evaluate(&expression, &known()), Err(Open::Fault(why.into())), "{expression}");
        }
    }
}
