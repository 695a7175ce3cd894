//! What there is, as the manifest that would make it.

use sagewright_decide::observed::{Found, Ownership};
use sagewright_kinds::{Kind, Path, PathSegment, get, get_mut, values};
use sagewright_objects::keys;
use sagewright_objects::object::Object;
use sagewright_objects::selector::Selector;
use serde_json::{Map, Value, json};

use super::lookup::{object_of, tail};

/// A manifest of a resource.
pub(crate) fn manifest(kind: &Kind, found: &Found) -> Object {
    let mut object = object_of(kind, found);
    object.status = Value::Object(Map::new());
    object.metadata.name = kubernetes_name(&object.metadata.name);
    no_declaration(kind, &mut object.spec);
    lay_out_json(kind, &mut object.spec);
    // Of the members that say where to look for it, AWS takes one: a version has a group and no name.
    let within = kind.row().identity.within.iter().map(|m| sagewright_model::name::to_crd(m));
    let within: Vec<String> = within.filter(|field| object.spec.get(field).is_some()).collect();
    if let (Some((_, others)), Some(map)) = (within.split_last(), object.spec.as_object_mut()) {
        for other in others {
            map.shift_remove(other);
        }
    }
    let mut fields = Map::new();
    if kind.is_arn_identified() {
        fields.insert("arn".to_owned(), json!(found.arn));
    }
    if found.owner == Ownership::Unmarked {
        object.metadata.annotations.insert(keys::ADOPTION_POLICY.to_owned(), "adopt-or-create".to_owned());
        for member in &kind.row().identity.name {
            let field = sagewright_model::name::to_crd(member);
            if let Some(value) = get(&object.spec, &Path::parse(&field)) {
                fields.insert(field, value.clone());
            }
        }
    }
    // Without its label, applying it would take it out of its set.
    let set = found.tags.get(keys::SET).and_then(|text| text.parse::<Selector>().ok());
    object.metadata.labels.extend(set.map(|set| set.label()));
    if !fields.is_empty() {
        object.metadata.annotations.insert(keys::ADOPTION_FIELDS.to_owned(), Value::Object(fields).to_string());
    }
    object
}

/// Texts that are compared as JSON get a line for each member: people read and edit them.
fn lay_out_json(kind: &Kind, spec: &mut Value) {
    for path in &kind.row().spec.json {
        let path = kind.spec_path_to_crd(&Path::parse(path));
        let places: Vec<_> = values(spec, &path).into_iter().map(|(at, _)| at).collect();
        for at in places {
            let Some(value) = get_mut(spec, &at) else { continue };
            let parsed = value.as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
            if let Some(text) = parsed.and_then(|parsed| serde_json::to_string_pretty(&parsed).ok()) {
                *value = text.into();
            }
        }
    }
}

/// Takes out of an observed spec what the service chose by itself: its defaults, what it makes of other members, and what it
/// adds to maps and lists.
fn no_declaration(kind: &Kind, spec: &mut Value) {
    let rules = &kind.row().spec;
    let mut places = added(kind, spec);
    for (path, default) in &rules.defaults {
        let path = kind.spec_path_to_crd(&Path::parse(path));
        // Where the default varies, a chosen value looks like a declared one: it stays.
        let chosen =
            |value: &Value| value == default || (value.as_f64().is_some() && value.as_f64() == default.as_f64());
        let found = values(spec, &path).into_iter().filter(|(_, value)| chosen(value));
        places.extend(found.map(|(at, _)| at));
    }
    for (path, origin) in &rules.derived {
        let path = kind.spec_path_to_crd(&Path::parse(path));
        for (at, _) in values(spec, &path) {
            let mut beside = at.clone();
            beside.0.pop();
            beside.0.push(PathSegment::Member(sagewright_model::name::to_crd(origin)));
            if get(spec, &beside).is_some() {
                places.push(at);
            }
        }
    }
    for mut at in places {
        // What this leaves empty was the service's as well, and would lack members that it needs.
        while let Some(PathSegment::Member(last)) = at.0.pop() {
            let Some(Value::Object(map)) = get_mut(spec, &at) else { break };
            map.shift_remove(&last);
            if !map.is_empty() {
                break;
            }
        }
    }
}

/// Takes what the service added out of maps and lists; gives the places of those that it filled alone.
fn added(kind: &Kind, spec: &mut Value) -> Vec<Path> {
    let rules = &kind.row().spec;
    let mut left_empty = Vec::new();
    let mut each = |path: &str, keep: &mut dyn FnMut(&mut Value) -> usize| {
        let path = kind.spec_path_to_crd(&Path::parse(path));
        let places: Vec<_> = values(spec, &path).into_iter().map(|(at, _)| at).collect();
        for at in places {
            if get_mut(spec, &at).is_some_and(|value| keep(value) == 0) {
                left_empty.push(at);
            }
        }
    };
    for (path, prefix) in &rules.server_keys {
        each(path, &mut |value| {
            value.as_object_mut().map_or(1, |map| {
                map.retain(|key, _| !key.starts_with(prefix.as_str()));
                map.len()
            })
        });
    }
    for (path, element) in &rules.server_elements {
        let member = sagewright_model::name::to_crd(&element.member);
        each(path, &mut |value| {
            value.as_array_mut().map_or(1, |list| {
                list.retain(|e| !e[&member].as_str().is_some_and(|text| text.starts_with(&element.prefix)));
                list.len()
            })
        });
    }
    left_empty
}

/// The object's name that a resource's name or ARN suggests: `mnist-3` for the third version in `mnist`.
#[must_use]
pub fn own_name(resource: &str) -> String {
    if resource.starts_with("arn:") { kubernetes_name(&tail(resource)) } else { kubernetes_name(resource) }
}

/// A name that Kubernetes takes: lower-case letters, digits and `-`, in parts that `.` joins.
fn kubernetes_name(name: &str) -> String {
    let text: String =
        name.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect();
    let parts = text.split('.').map(|part| part.trim_matches('-')).filter(|part| !part.is_empty());
    let mut name = parts.collect::<Vec<_>>().join(".");
    name.truncate(253);
    name.truncate(name.trim_end_matches(['-', '.']).len());
    name
}
