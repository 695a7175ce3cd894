//! XML of the answers of `awsQuery` and `restXml`.

use bytes::Bytes;
use sagewright_model::{Member, Operation, Service, Shape, ShapeType};
use serde_json::Value;

use super::scalar::write as plain;
use super::time;

/// ` xmlns="…"` of a service.
pub(super) fn namespace(service: Option<&Service>, out: &mut String) {
    declare(service.and_then(|s| s.metadata.xml_namespace.as_ref()), out);
}

/// ` xmlns="…"` of a namespace, which models write as its address alone, or with a prefix.
fn declare(namespace: Option<&Value>, out: &mut String) {
    let Some(uri) = namespace.and_then(|n| n.as_str().or(n["uri"].as_str())) else { return };
    match namespace.and_then(|n| n["prefix"].as_str()).filter(|p| !p.is_empty()) {
        Some(prefix) => attribute(&format!("xmlns:{prefix}"), uri, out),
        None => attribute("xmlns", uri, out),
    }
}

fn attribute(name: &str, value: &str, out: &mut String) {
    for part in [" ", name, "=\""] {
        out.push_str(part);
    }
    escape(value, out);
    out.push('"');
}

/// A document of `restXml`: a root, with its namespace where it has one of its own, and a structure's members.
pub(super) fn document(
    service: &Service,
    operation: &Operation,
    shape: &Shape,
    (root, namespace): (&str, Option<&Value>),
    value: &Value,
) -> Bytes {
    let mut out = String::with_capacity(512);
    // botocore's models tell a service's namespace with the input of its operations.
    let of_service = || service.metadata.xml_namespace.as_ref();
    let of_input = || operation.input.as_ref()?.xml_namespace.as_ref();
    let namespace = namespace.or(shape.xml_namespace.as_ref()).or_else(of_service).or_else(of_input);
    start(root, namespace, Some((shape, value)), &mut out);
    members(service, shape, value, &mut out);
    close(root, &mut out);
    out.into()
}

/// `<name>text</name>`
pub(super) fn element(name: &str, text: &str, out: &mut String) {
    open(name, out);
    escape(text, out);
    close(name, out);
}

/// The members of a structure that are in the body, each as an element of its own.
pub(super) fn members(service: &Service, shape: &Shape, value: &Value, out: &mut String) {
    let Value::Object(map) = value else { return };
    for (name, member) in shape.members.iter().filter(|(_, m)| m.location.is_none() && !m.xml_attribute) {
        let Some(child) = map.get(*name).filter(|v| !v.is_null()) else { continue };
        let Some(target) = service.target(member) else { continue };
        named(service, member, target, member.location_name.as_deref().unwrap_or(name), child, out);
    }
}

/// A value under its name; flattened lists and maps repeat the name.
fn named(service: &Service, member: &Member, shape: &Shape, name: &str, value: &Value, out: &mut String) {
    let flattened = shape.flattened || member.flattened;
    let namespace = member.xml_namespace.as_ref().or(shape.xml_namespace.as_ref());
    match (shape.kind, value) {
        (ShapeType::List, Value::Array(items)) => {
            let Some((item, target)) = shape.member.as_ref().and_then(|m| Some((m, service.target(m)?))) else {
                return;
            };
            let item_name = item.location_name.as_deref().unwrap_or("member");
            if !flattened {
                start(name, namespace, None, out);
            }
            for value in items {
                named(service, item, target, if flattened { name } else { item_name }, value, out);
            }
            if !flattened {
                close(name, out);
            }
        }
        (ShapeType::Map, Value::Object(entries)) => {
            let Some((key, item, target)) =
                shape.key.as_ref().zip(shape.value.as_ref()).and_then(|(k, v)| Some((k, v, service.target(v)?)))
            else {
                return;
            };
            if !flattened {
                start(name, namespace, None, out);
            }
            let entry = if flattened { name } else { "entry" };
            for (k, v) in entries {
                start(entry, namespace.filter(|_| flattened), None, out);
                text(key.location_name.as_deref().unwrap_or("key"), key.xml_namespace.as_ref(), k, out);
                named(service, item, target, item.location_name.as_deref().unwrap_or("value"), v, out);
                close(entry, out);
            }
            if !flattened {
                close(name, out);
            }
        }
        (ShapeType::Structure, value) => {
            start(name, namespace, Some((shape, value)), out);
            members(service, shape, value, out);
            close(name, out);
        }
        (ShapeType::Timestamp, value) => match time::millis(value) {
            Some(millis) => {
                let format = time::Format::of(Some(member), shape, time::Format::Iso8601);
                text(name, namespace, &format.write(millis), out);
            }
            None => text(name, namespace, &plain(value), out),
        },
        (_, value) => text(name, namespace, &plain(value), out),
    }
}

fn text(name: &str, namespace: Option<&Value>, text: &str, out: &mut String) {
    start(name, namespace, None, out);
    escape(text, out);
    close(name, out);
}

/// An element's start, with a structure's members that are its attributes.
fn start(name: &str, namespace: Option<&Value>, structure: Option<(&Shape, &Value)>, out: &mut String) {
    out.push('<');
    out.push_str(name);
    declare(namespace, out);
    if let Some((shape, value)) = structure {
        for (name, member) in shape.members.iter().filter(|(_, m)| m.xml_attribute) {
            if let Some(value) = value.get(*name).filter(|v| !v.is_null()) {
                attribute(member.location_name.as_deref().unwrap_or(name), &plain(value), out);
            }
        }
    }
    out.push('>');
}

fn open(name: &str, out: &mut String) {
    out.push('<');
    out.push_str(name);
    out.push('>');
}

fn close(name: &str, out: &mut String) {
    out.push_str("</");
    out.push_str(name);
    out.push('>');
}

fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\r' => out.push_str("&#xD;"),
            // XML 1.0 has no way to write these.
            '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
}
