//! XML of the query protocol's answers.

use sagewright_model::{Member, Service, Shape, ShapeType};
use serde_json::Value;

use super::time;

/// ` xmlns="…"` of a service.
pub(super) fn namespace(service: Option<&Service>, out: &mut String) {
    if let Some(uri) = service.and_then(|s| s.metadata.xml_namespace.as_ref()).and_then(Value::as_str) {
        out.push_str(" xmlns=\"");
        escape(uri, out);
        out.push('"');
    }
}

/// `<name>text</name>`
pub(super) fn element(name: &str, text: &str, out: &mut String) {
    open(name, out);
    escape(text, out);
    close(name, out);
}

/// The members of a structure, each as an element of its own.
pub(super) fn members(service: &Service, shape: &Shape, value: &Value, out: &mut String) {
    let Value::Object(map) = value else { return };
    for (name, member) in &shape.members {
        let Some(child) = map.get(*name).filter(|v| !v.is_null()) else { continue };
        let Some(target) = service.target(member) else { continue };
        named(service, member, target, member.location_name.as_deref().unwrap_or(name), child, out);
    }
}

/// A value under its name; flattened lists and maps repeat the name.
fn named(service: &Service, member: &Member, shape: &Shape, name: &str, value: &Value, out: &mut String) {
    let flattened = shape.flattened || member.flattened;
    match (shape.kind, value) {
        (ShapeType::List, Value::Array(items)) => {
            let Some((item, target)) = shape.member.as_ref().and_then(|m| Some((m, service.target(m)?))) else {
                return;
            };
            let item_name = item.location_name.as_deref().unwrap_or("member");
            if !flattened {
                open(name, out);
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
                open(name, out);
            }
            let entry = if flattened { name } else { "entry" };
            for (k, v) in entries {
                open(entry, out);
                element(key.location_name.as_deref().unwrap_or("key"), k, out);
                named(service, item, target, item.location_name.as_deref().unwrap_or("value"), v, out);
                close(entry, out);
            }
            if !flattened {
                close(name, out);
            }
        }
        (ShapeType::Structure, value) => {
            open(name, out);
            members(service, shape, value, out);
            close(name, out);
        }
        (ShapeType::Timestamp, value) => match time::millis(value) {
            Some(millis) => {
                let format = time::Format::of(Some(member), shape, time::Format::Iso8601);
                element(name, &format.write(millis), out);
            }
            None => element(name, &plain(value), out),
        },
        (_, value) => element(name, &plain(value), out),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
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
