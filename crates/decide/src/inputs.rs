//! Inputs of operations, made from what is known of a resource.

use std::collections::BTreeMap;

use sagewright_kinds::{Kind, Path, PathSegment, get, set, values};
use sagewright_model::{Shape, ShapeType};
use sagewright_objects::{keys, mark};
use serde_json::{Map, Value, json};

use super::desired::Desired;
use super::diff::Diff;

pub use super::mark_location::{MarkLocation, mark_location};
use super::tags;
pub use crate::fingerprint::fingerprint;
use crate::observed::Found;

/// What is known of a resource.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known<'a> {
    /// Its spec under AWS names.
    pub spec: Option<&'a Value>,
    /// Its ARN.
    pub arn: Option<&'a str>,
    /// What a read gave.
    pub output: Option<&'a Value>,
}

/// The members of an operation's input that address the resource. `None` when one that is needed is not known.
pub fn address(kind: &Kind, role: &str, operation: &str, known: Known<'_>) -> Option<Value> {
    let shape = kind.service().input(operation)?;
    let mut input = Map::new();
    let identity = &kind.row().identity;
    for member in identity.name.iter().chain(&identity.optional) {
        if let Some(value) =
            known.spec.and_then(|s| s.get(member)).filter(|_| shape.members.contains_key(member.as_str()))
        {
            input.insert(member.clone(), value.clone());
        }
    }
    let given = kind.row().operations.input.get(role);
    let in_spec = |member: &String| known.spec?.get(member).cloned();
    // What is adopted may be known by what the operation takes (a domain's id), if it is known whole: an image without the
    // number of its version means the newest, whosever it is.
    let whole = given.into_iter().flatten().all(|(m, t)| expand(t, known).or_else(|| in_spec(m)).is_some());
    for (member, template) in given.into_iter().flatten() {
        if let Some(value) = expand(template, known).or_else(|| in_spec(member).filter(|_| whole)) {
            let target = shape.members.get(member.as_str()).and_then(|m| kind.service().target(m));
            input.insert(member.clone(), number(target, value));
        }
    }
    for (member, _) in shape.members.iter().filter(|(m, i)| i.idempotency_token && shape.is_required(m)) {
        // What is there is part of the seed: a later resource of the same name is another one.
        let seed = json!([operation, input, known.output]).to_string();
        input.insert((*member).to_owned(), Value::String(token(&seed)));
    }
    let complete = role == "update" || shape.required.iter().all(|r| input.contains_key(r.as_str()));
    complete.then_some(Value::Object(input))
}

/// A call on a resource that was found: operation and input. `None` where the kind has no such operation, or the resource
/// cannot be addressed.
pub fn call_on(
    kind: &Kind,
    role: &str,
    operation: Option<&String>,
    found: &Found,
    spec: &Value,
) -> Option<(String, Value)> {
    let known = Known { spec: Some(spec), arn: found.arn.as_deref(), output: Some(&found.output) };
    Some((operation?.clone(), address(kind, role, operation?, known)?))
}

/// A number that was part of a text, where a number is asked for: the last part of an ARN.
fn number(shape: Option<&Shape>, value: Value) -> Value {
    let is_number = shape.is_some_and(|s| matches!(s.kind, ShapeType::Integer | ShapeType::Long));
    match value.as_str().filter(|_| is_number).and_then(|text| text.parse::<i64>().ok()) {
        Some(number) => json!(number),
        None => value,
    }
}

fn expand(template: &Value, known: Known<'_>) -> Option<Value> {
    match template {
        Value::String(text) if text.starts_with('$') => {
            text.split('|').find_map(|choice| match choice.strip_prefix('$')? {
                "arn" => known.arn.map(|a| json!(a)),
                "arn.name" => known.arn.and_then(|a| a.rsplit(['/', ':']).next()).map(|n| json!(n)),
                "arn.parent" => known.arn.and_then(|a| a.rsplit(['/', ':']).nth(1)).map(|n| json!(n)),
                path => match path.strip_prefix("read.") {
                    Some(path) => get(known.output?, &Path::parse(path)).cloned(),
                    None => get(known.spec?, &Path::parse(path)).cloned(),
                },
            })
        }
        Value::Array(items) => {
            let items: Vec<_> = items.iter().filter_map(|i| expand(i, known)).collect();
            (!items.is_empty()).then_some(Value::Array(items))
        }
        Value::Object(map) => {
            let entries = map.iter().flat_map(|(key, value)| {
                keys(key, known).into_iter().filter_map(|key| Some((key, expand(value, known)?)))
            });
            let entries: Map<String, Value> = entries.collect();
            (!entries.is_empty()).then_some(Value::Object(entries))
        }
        other => Some(other.clone()),
    }
}

/// The keys that a key of a template stands for.
fn keys(template: &str, known: Known<'_>) -> Vec<String> {
    let Some(path) = template.strip_prefix('$') else { return vec![template.to_owned()] };
    let (source, path) = path.strip_prefix("read.").map_or((known.spec, path), |path| (known.output, path));
    let found = source.map(|value| values(value, &Path::parse(path))).unwrap_or_default();
    found.into_iter().filter_map(|(_, key)| key.as_str().map(str::to_owned)).collect()
}

/// A token that is the same for the same call: a retry is not a second call.
pub fn token(seed: &str) -> String {
    fingerprint(seed, 36)
}

/// The input that creates the resource, with the mark of its owner.
pub fn create(kind: &Kind, desired: &Desired, seed: &str) -> Value {
    let shape = kind.create_shape();
    let mut input = Map::new();
    for (member, value) in desired.spec.as_object().into_iter().flatten() {
        if shape.members.contains_key(member.as_str()) {
            input.insert(member.clone(), value.clone());
        }
    }
    let mut input = Value::Object(input);
    match mark_location(kind, &desired.spec) {
        MarkLocation::Tags(member) => {
            let mut tags = desired.created_tags.clone();
            tags.extend(desired.tags.clone());
            tags.extend(tags::own_tags(kind, desired));
            set(&mut input, &Path::parse(member), tags_value(kind, shape, member, &tags));
        }
        MarkLocation::Member(member) => mark_member(kind, &mut input, member, &desired.owner().to_string()),
        MarkLocation::None => {}
    }
    let tokens: Vec<&str> = shape.members.iter().filter(|(_, m)| m.idempotency_token).map(|(n, _)| *n).collect();
    for member in tokens {
        if input.get(member).is_none() {
            // Not of the input: a declaration that changed before it is known what came of the create is no second one.
            let text = token(&format!("{seed} {}", desired.owner()));
            set(&mut input, &Path::parse(member), Value::String(text));
        }
    }
    input
}

/// The update that writes the mark into a member of a resource that is there, and changes nothing else. `None`
/// where the kind has no update, or the text no room.
pub fn mark_update(kind: &Kind, found: &Found, member: &str, owner: &str) -> Option<(String, Value)> {
    let spec = kind.spec_of(&found.output);
    let (operation, mut input) = call_on(kind, "update", kind.row().operations.update.as_ref(), found, &spec)?;
    mark_found(kind, &mut input, found, member, owner);
    let text = input.get(member).and_then(Value::as_str).unwrap_or_default();
    let most = kind.spec_shape(&Path::parse(member)).filter(|s| s.kind == ShapeType::String).and_then(|s| s.max);
    most.is_none_or(|most| text.chars().count() <= most as usize).then_some((operation, input))
}

/// Writes the mark into an update's input that does not say the member: a text keeps what it says, a map takes one
/// more key.
pub fn mark_found(kind: &Kind, input: &mut Value, found: &Found, member: &str, owner: &str) {
    if let (Some(text), Some(map)) = (found.output.get(member).and_then(Value::as_str), input.as_object_mut()) {
        map.insert(member.to_owned(), json!(mark::split_suffix(text).0));
    }
    mark_member(kind, input, member, owner);
}

/// Writes the mark into a member: a key of a map, or the end of a text.
pub fn mark_member(kind: &Kind, input: &mut Value, member: &str, owner: &str) {
    let path = Path::parse(member);
    let is_map = kind.spec_shape(&path).is_some_and(|s| s.kind == ShapeType::Map);
    if is_map {
        set(input, &path.join(PathSegment::Member(keys::OWNER.to_owned())), json!(owner));
        return;
    }
    let text = get(input, &path).and_then(Value::as_str).unwrap_or_default();
    let marked = mark::with_suffix(text, owner);
    set(input, &path, Value::String(marked));
}

/// Tags in the form that a shape's member takes.
pub fn tags_value(kind: &Kind, shape: &Shape, member: &str, tags: &BTreeMap<String, String>) -> Value {
    let map =
        shape.members.get(member).and_then(|m| kind.service().target(m)).is_some_and(|s| s.kind == ShapeType::Map);
    if map {
        json!(tags)
    } else {
        Value::Array(tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect())
    }
}

/// The input of an update that makes these differences go away.
pub fn update(kind: &Kind, desired: &Desired, found: &Found, diffs: &[&Diff]) -> Option<(String, Value)> {
    let row = &kind.row().update;
    let (operation, mut input) = call_on(kind, "update", kind.row().operations.update.as_ref(), found, &desired.spec)?;
    let shape = kind.service().input(&operation)?;
    let everything = row.sends.iter().any(|s| s == "*");
    let sends: Vec<Path> = if everything {
        desired.spec.as_object().into_iter().flatten().map(|(m, _)| Path::parse(m)).collect()
    } else {
        row.sends.iter().map(|s| Path::parse(s)).collect()
    };
    for send in sends {
        let changed = diffs.iter().any(|d| send.leads_to(&d.path) || d.path.leads_to(&send));
        let Some(value) = get(&desired.spec, &send).filter(|_| changed || !row.only_changed) else { continue };
        let mut path = send.clone();
        if let Some(PathSegment::Member(first)) = path.0.first_mut()
            && let Some(renamed) = row.rename.get(first.as_str())
        {
            renamed.clone_into(first);
        }
        if path.first().is_some_and(|m| shape.members.contains_key(m)) {
            set(&mut input, &path, value.clone());
        }
        // Keys of a map and elements of a list that are no longer declared are named one by one.
        if let Some((member, remove)) = send.last().and_then(|m| row.remove.get_key_value(m)) {
            let keys = diffs
                .iter()
                .filter(|d| d.path.first() == Some(member.as_str()) && d.path.0.len() == 2 && d.to.is_none())
                .filter_map(|d| d.path.last().map(|k| json!(k)));
            let gone: Vec<Value> = keys.chain(gone(kind, member, desired, found)).collect();
            if !gone.is_empty() {
                set(&mut input, &Path::parse(remove), Value::Array(gone));
            }
        }
    }
    for (member, switch) in row.clear.iter().filter(|(m, _)| diffs.iter().any(|d| cleared(d, m))) {
        if let Some(map) = input.as_object_mut() {
            map.shift_remove(member.as_str());
            map.insert(switch.clone(), json!(true));
        }
    }
    if let MarkLocation::Member(member) = mark_location(kind, &desired.spec)
        && input.get(member).is_some()
    {
        mark_member(kind, &mut input, member, &desired.owner().to_string());
    }
    for (member, value) in &row.constants {
        if input.get(member).is_none() {
            set(&mut input, &Path::parse(member), value.clone());
        }
    }
    keep_scale(kind, found, diffs, &mut input);
    kind.keep_known(shape, &mut input);
    Some((operation, input))
}

/// What autoscaling moved, and nobody declared anew, is sent as it is.
fn keep_scale(kind: &Kind, found: &Found, diffs: &[&Diff], input: &mut Value) {
    if kind.row().spec.scaled.is_empty() {
        return;
    }
    let there = kind.spec_of(&found.output);
    for path in kind.row().spec.scaled.keys().map(|path| Path::parse(path)) {
        let places: Vec<Path> = values(input, &path).into_iter().map(|(at, _)| at).collect();
        for at in places.into_iter().filter(|at| !diffs.iter().any(|diff| diff.path == *at)) {
            if let Some(value) = get(&there, &at) {
                set(input, &at, value.clone());
            }
        }
    }
}

/// Whether a difference is that a member is there and is to be empty.
fn cleared(diff: &Diff, member: &str) -> bool {
    let empty = |v: &Value| v.as_str() == Some("") || v.as_array().is_some_and(Vec::is_empty);
    diff.path == Path::parse(member) && diff.to.as_ref().is_none_or(empty)
}

/// The names of elements of a list that are there and not declared.
fn gone(kind: &Kind, member: &str, desired: &Desired, found: &Found) -> Vec<Value> {
    let Some(key) = kind.row().spec.unordered.get(member).filter(|key| !key.is_empty()) else { return Vec::new() };
    let path = Path::parse(&format!("{member}[].{key}"));
    let names = |spec: &Value| values(spec, &path).into_iter().map(|(_, name)| name.clone()).collect::<Vec<_>>();
    let declared = names(&desired.spec);
    names(&kind.spec_of(&found.output)).into_iter().filter(|name| !declared.contains(name)).collect()
}
