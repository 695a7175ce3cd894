//! AWS documents ⇄ Kubernetes documents: the same values under the other field names, at every depth.

use indexmap::IndexMap;
use serde_json::{Map, Value};

use crate::name::to_crd;
use crate::shape::{Service, Shape, ShapeType};

/// A field of a Kubernetes document that the shape does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownField {
    /// Steps to the field: names and list positions.
    pub path: Vec<String>,
    /// The fields that this place can have, in the model's order.
    pub expected: Vec<String>,
}

/// Kubernetes field name → AWS member, of one structure.
pub fn names(shape: &Shape) -> &IndexMap<String, &'static str> {
    shape.crd_names.get_or_init(|| shape.members.keys().map(|member| (to_crd(member), *member)).collect())
}

/// Renames the members of an AWS document to Kubernetes fields. Members that the shape does not know are dropped.
#[must_use]
pub fn from_aws(service: &Service, shape: &Shape, value: &Value) -> Value {
    match (shape.kind, value) {
        (ShapeType::Structure, Value::Object(map)) => {
            let mut out = Map::new();
            for (field, member) in names(shape) {
                if let (Some(child), Some(target)) =
                    (map.get(*member), shape.members.get(*member).and_then(|m| service.target(m)))
                {
                    out.insert(field.clone(), from_aws(service, target, child));
                }
            }
            Value::Object(out)
        }
        _ => elements(service, shape, value, &mut |shape, _, value| from_aws(service, shape, value)),
    }
}

/// Renames Kubernetes fields to AWS members.
///
/// # Errors
/// Every field that the shape does not have, with its path and what could stand there.
pub fn to_aws(service: &Service, shape: &Shape, value: &Value) -> Result<Value, Vec<UnknownField>> {
    let mut unknown = Vec::new();
    let out = rename(service, shape, value, &mut Vec::new(), &mut unknown);
    if unknown.is_empty() { Ok(out) } else { Err(unknown) }
}

fn rename(
    service: &Service,
    shape: &Shape,
    value: &Value,
    path: &mut Vec<String>,
    unknown: &mut Vec<UnknownField>,
) -> Value {
    match (shape.kind, value) {
        (ShapeType::Structure, Value::Object(map)) => {
            let known = names(shape);
            let mut out = Map::new();
            for (field, child) in map {
                path.push(field.clone());
                let target = known.get(field).and_then(|m| Some((*m, service.target(shape.members.get(*m)?)?)));
                match target {
                    Some((member, target)) => {
                        out.insert(member.to_owned(), rename(service, target, child, path, unknown));
                    }
                    None => {
                        unknown.push(UnknownField { path: path.clone(), expected: known.keys().cloned().collect() })
                    }
                }
                path.pop();
            }
            Value::Object(out)
        }
        _ => elements(service, shape, value, &mut |shape, step, value| {
            path.push(step);
            let out = rename(service, shape, value, path, unknown);
            path.pop();
            out
        }),
    }
}

/// Applies `each` to the elements of a list or map; other values stay as they are.
fn elements(
    service: &Service,
    shape: &Shape,
    value: &Value,
    each: &mut dyn FnMut(&Shape, String, &Value) -> Value,
) -> Value {
    match (shape.kind, value) {
        (ShapeType::List, Value::Array(items)) => match shape.member.as_ref().and_then(|m| service.target(m)) {
            Some(target) => {
                Value::Array(items.iter().enumerate().map(|(i, v)| each(target, i.to_string(), v)).collect())
            }
            None => value.clone(),
        },
        (ShapeType::Map, Value::Object(map)) => match shape.value.as_ref().and_then(|m| service.target(m)) {
            Some(target) => Value::Object(map.iter().map(|(k, v)| (k.clone(), each(target, k.clone(), v))).collect()),
            None => value.clone(),
        },
        _ => value.clone(),
    }
}
