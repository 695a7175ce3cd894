//! Arguments of steps and properties of steps, held against the service model.

use sagewright_model::{Service, Shape, ShapeType};
use serde_json::Value;

use super::{Definition, Step};
use crate::expression::path::Segment;
use crate::expression::{Reference, is_expression};
use crate::kinds::Runs;

/// A member that the operation has and a pipeline does not take.
const NOT_TAKEN: &[(&str, &str)] = &[("ModelPackage", "ModelPackageName")];

/// Checks what is said literally; expressions are known at run time only.
pub(super) fn check(definition: &Definition) -> Result<(), String> {
    let Some(service) = sagewright_model::service("sagemaker") else { return Ok(()) };
    for step in &definition.steps {
        let told = |why: String| format!("Step {}: {why}", step.name);
        match step.kind.runs {
            Runs::Resource(resource) => {
                let Some(shape) = service.input(&format!("Create{}", resource.noun)) else { continue };
                let taken =
                    |(noun, member): &&(&str, &str)| *noun == resource.noun && step.arguments.get(member).is_some();
                if let Some((_, member)) = NOT_TAKEN.iter().find(taken) {
                    return Err(format!("Unknown Argument member '{member}'."));
                }
                within(service, shape, &step.arguments).map_err(told)?;
            }
            Runs::Fail => {
                let other =
                    step.arguments.as_object().into_iter().flatten().find(|(member, _)| *member != "ErrorMessage");
                if let Some((member, _)) = other {
                    return Err(told(format!("Unknown Argument member '{member}'.")));
                }
            }
            Runs::Condition | Runs::Lambda | Runs::Callback => {}
        }
    }
    Ok(())
}

fn within(service: &Service, shape: &Shape, value: &Value) -> Result<(), String> {
    if is_expression(value) || value.is_null() {
        return Ok(());
    }
    let target = |member: Option<&sagewright_model::Member>| member.and_then(|member| service.target(member));
    match (shape.kind, value) {
        (ShapeType::Structure, Value::Object(map)) => map.iter().try_for_each(|(name, value)| {
            let member =
                shape.members.get(name.as_str()).ok_or_else(|| format!("Unknown Argument member '{name}'."))?;
            target(Some(member)).map_or(Ok(()), |shape| within(service, shape, value))
        }),
        (ShapeType::List, Value::Array(items)) => match target(shape.member.as_ref()) {
            Some(shape) => items.iter().try_for_each(|item| within(service, shape, item)),
            None => Ok(()),
        },
        (ShapeType::Map, Value::Object(map)) => match target(shape.value.as_ref()) {
            Some(shape) => map.values().try_for_each(|item| within(service, shape, item)),
            None => Ok(()),
        },
        (ShapeType::Structure | ShapeType::List | ShapeType::Map, other) => {
            Err(format!("Model Validation failed: {other} is given where the API takes a {}.", kind(shape.kind)))
        }
        (_, Value::String(text))
            if !shape.enumeration.is_empty() && !shape.enumeration.iter().any(|one| one.as_ref() == text) =>
        {
            let known: Vec<&str> = shape.enumeration.iter().map(AsRef::as_ref).collect();
            Err(format!(
                "Model Validation failed: Value '{text}' failed to satisfy enum value set: [{}]",
                known.join(", ")
            ))
        }
        _ => Ok(()),
    }
}

const fn kind(shape: ShapeType) -> &'static str {
    match shape {
        ShapeType::List => "list",
        ShapeType::Map => "map",
        _ => "structure",
    }
}

/// Whether a step has what a reference to it names.
pub(super) fn has(step: &Step, reference: &Reference) -> Result<(), String> {
    match reference {
        Reference::File(_, name) => {
            let has = step.files.iter().any(|file| file.name == *name);
            has.then_some(()).ok_or_else(|| format!("names a property file that step {} does not have.", step.name))
        }
        Reference::Property(_, path) => {
            let unknown = || {
                format!(
                    "is an unknown property reference: step {} of type {} has no such property.",
                    step.name, step.kind.name
                )
            };
            match (step.kind.runs, path.as_slice()) {
                (Runs::Condition, [Segment::Member(name)]) if name == "Outcome" => Ok(()),
                (Runs::Lambda | Runs::Callback, [Segment::Member(name), Segment::Key(output)])
                    if name == "OutputParameters" =>
                {
                    let has = step.outputs.iter().any(|(name, _)| name == output);
                    has.then_some(())
                        .ok_or_else(|| format!("names an output that step {} does not declare.", step.name))
                }
                (Runs::Resource(_), [_, ..]) => {
                    let Some(service) = sagewright_model::service("sagemaker") else { return Ok(()) };
                    let mut shapes = step.kind.properties.iter().filter_map(|operation| service.output(operation));
                    shapes.any(|shape| leads(service, shape, path)).then_some(()).ok_or_else(unknown)
                }
                _ => Err(unknown()),
            }
        }
        Reference::Parameter(_) | Reference::Variable(_) => Ok(()),
    }
}

/// Whether a path leads somewhere in values of a shape.
fn leads(service: &Service, shape: &Shape, path: &[Segment]) -> bool {
    let Some((segment, rest)) = path.split_first() else { return true };
    let member = match (shape.kind, segment) {
        (ShapeType::Structure, Segment::Member(name)) => shape.members.get(name.as_str()),
        (ShapeType::List, Segment::Index(_) | Segment::Key(_)) => shape.member.as_ref(),
        (ShapeType::Map, Segment::Key(_) | Segment::Member(_)) => shape.value.as_ref(),
        _ => None,
    };
    member.and_then(|member| service.target(member)).is_some_and(|shape| leads(service, shape, rest))
}
