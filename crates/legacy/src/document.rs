//! Legacy documents ⇄ AWS documents.

use sagewright_model::{Service, Shape, ShapeType};
use serde_json::{Map, Value, json};

/// Fields whose name is not the member's, where the structure has no member of the field's own name.
const RENAMED: [(&str, &str); 1] = [("ruleParameters", "HookParameters")];

/// A legacy document under AWS's member names. Letter case is nothing: `JoinSource` and `joinSource` are the same field,
/// since the published schema has both styles. Fields that AWS does not know are given as paths.
pub fn to_aws(service: &Service, shape: &Shape, value: &Value) -> Result<Value, Vec<String>> {
    let mut unknown = Vec::new();
    let out = into_aws(service, shape, value, &mut Vec::new(), &mut unknown);
    if unknown.is_empty() { Ok(out) } else { Err(unknown) }
}

fn into_aws(
    service: &Service,
    shape: &Shape,
    value: &Value,
    path: &mut Vec<String>,
    unknown: &mut Vec<String>,
) -> Value {
    match (shape.kind, value) {
        (ShapeType::Structure, Value::Object(fields)) => {
            let mut out = Map::new();
            for (field, child) in fields.iter().filter(|(_, child)| !child.is_null()) {
                path.push(field.clone());
                let member = member_of(shape, field);
                match member.and_then(|member| Some((member, service.target(shape.members.get(member)?)?))) {
                    Some((member, target)) => {
                        out.insert(member.to_owned(), into_aws(service, target, child, path, unknown));
                    }
                    None => unknown.push(path.join(".")),
                }
                path.pop();
            }
            Value::Object(out)
        }
        (ShapeType::Map, Value::Array(pairs)) => {
            let pair = |pair: &Value| Some((pair.get("name")?.as_str()?.to_owned(), text_of(pair.get("value"))));
            Value::Object(pairs.iter().filter_map(pair).collect())
        }
        (ShapeType::List, Value::Array(items)) => {
            let target = shape.member.as_ref().and_then(|member| service.target(member));
            let items = items.iter().enumerate().map(|(at, item)| {
                path.push(at.to_string());
                let out = target.map_or_else(|| item.clone(), |of| into_aws(service, of, item, path, unknown));
                path.pop();
                out
            });
            Value::Array(items.collect())
        }
        _ => value.clone(),
    }
}

fn member_of(shape: &Shape, field: &str) -> Option<&'static str> {
    let find = |wanted: &str| shape.members.keys().find(|member| member.eq_ignore_ascii_case(wanted)).copied();
    let renamed = || RENAMED.iter().find(|(from, _)| field == *from).and_then(|(_, member)| find(member));
    find(field).or_else(renamed)
}

/// A value of a map that is absent is empty text: its field is left out of a document when it is.
fn text_of(value: Option<&Value>) -> Value {
    value.cloned().unwrap_or_else(|| json!(""))
}

/// An AWS document as a legacy one: members with a small first letter, maps as lists of `name` and `value`.
#[must_use]
pub fn from_aws(service: &Service, shape: &Shape, value: &Value) -> Value {
    match (shape.kind, value) {
        (ShapeType::Structure, Value::Object(members)) => {
            let fields = members.iter().filter_map(|(member, child)| {
                let target = service.target(shape.members.get(member.as_str())?)?;
                Some((field_of(member), from_aws(service, target, child)))
            });
            Value::Object(fields.collect())
        }
        (ShapeType::Map, Value::Object(entries)) => {
            Value::Array(entries.iter().map(|(name, value)| json!({"name": name, "value": value})).collect())
        }
        (ShapeType::List, Value::Array(items)) => {
            match shape.member.as_ref().and_then(|member| service.target(member)) {
                Some(target) => Value::Array(items.iter().map(|item| from_aws(service, target, item)).collect()),
                None => value.clone(),
            }
        }
        _ => value.clone(),
    }
}

fn field_of(member: &str) -> String {
    let mut letters = member.chars();
    letters.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(letters).collect()
}
