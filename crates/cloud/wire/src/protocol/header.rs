//! Members of input and output in HTTP headers.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use sagewright_model::{Member, Service, Shape, ShapeType};
use serde_json::{Map, Value};

use super::scalar::write as plain;
use super::{rest, time};
use crate::protocol::time::Format;
use sagewright_cloud_core::api::ApiError;

/// Reads a member; a list is in one header or in several, with commas between its items.
pub(super) fn read(
    service: &Service,
    member: &Member,
    shape: &Shape,
    headers: &HeaderMap,
    name: &str,
) -> Result<Option<Value>, ApiError> {
    let values = headers.get_all(name).iter().map(|v| String::from_utf8_lossy(v.as_bytes()));
    if shape.kind != ShapeType::List {
        let mut values = values;
        return values.next().map(|text| rest::scalar(Some(member), shape, &text, Format::HttpDate)).transpose();
    }
    let Some(item) = shape.member.as_ref().and_then(|m| service.target(m)) else { return Ok(None) };
    // The only one of AWS's formats that holds a comma.
    let dates = item.kind == ShapeType::Timestamp
        && Format::of(shape.member.as_ref(), item, Format::HttpDate) == Format::HttpDate;
    let texts: Vec<String> = values.flat_map(|text| split(&text, dates)).collect();
    if texts.is_empty() {
        return Ok(None);
    }
    texts
        .iter()
        .map(|text| rest::scalar(shape.member.as_ref(), item, text, Format::HttpDate))
        .collect::<Result<_, _>>()
        .map(|items| Some(Value::Array(items)))
}

/// The items of a list; those in quotes hold commas, and quotes and backslashes after a backslash.
fn split(text: &str, dates: bool) -> Vec<String> {
    let (mut items, mut item, mut quoted, mut escaped, mut commas) = (Vec::new(), String::new(), false, false, 0);
    for c in text.chars() {
        match c {
            _ if escaped => {
                item.push(c);
                escaped = false;
            }
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => {
                commas += 1;
                if dates && commas % 2 == 1 {
                    item.push(c);
                } else {
                    items.push(std::mem::take(&mut item).trim().to_owned());
                }
            }
            _ => item.push(c),
        }
    }
    items.push(item.trim().to_owned());
    items
}

/// Writes the members that are headers.
pub(super) fn write_all(
    service: &Service,
    shape: &Shape,
    members: &Map<String, Value>,
    response: &mut Response<Bytes>,
) {
    for (name, member) in &shape.members {
        let Some(value) = members.get(*name).filter(|v| !v.is_null()) else { continue };
        let wire = member.location_name.as_deref().unwrap_or(name);
        match member.location.as_deref() {
            Some("header") => write(service, member, response, wire, value),
            Some("headers") => {
                for (key, value) in value.as_object().into_iter().flatten() {
                    set(response, &format!("{wire}{key}"), value);
                }
            }
            _ => {}
        }
    }
}

/// Writes a member as its shape asks.
fn write(service: &Service, member: &Member, response: &mut Response<Bytes>, name: &str, value: &Value) {
    let text = match (service.target(member), value) {
        (Some(shape), Value::Array(items)) => {
            let item = shape.member.as_ref().and_then(|m| Some((m, service.target(m)?)));
            let texts = items.iter().map(|value| match item {
                Some((member, shape)) => one(member, shape, value, true),
                None => plain(value),
            });
            texts.collect::<Vec<_>>().join(", ")
        }
        (Some(shape), value) => one(member, shape, value, false),
        (None, value) => plain(value),
    };
    insert(response, name, &text);
}

fn one(member: &Member, shape: &Shape, value: &Value, in_list: bool) -> String {
    if shape.kind == ShapeType::Timestamp
        && let Some(millis) = time::millis(value)
    {
        return Format::of(Some(member), shape, Format::HttpDate).write(millis);
    }
    let text = plain(value);
    if in_list && text.contains([',', '"']) {
        return format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    }
    text
}

/// Writes a plain value.
pub(super) fn set(response: &mut Response<Bytes>, name: &str, value: &Value) {
    insert(response, name, &plain(value));
}

fn insert(response: &mut Response<Bytes>, name: &str, text: &str) {
    // Text that no header can carry (line ends) is left out rather than told wrong.
    if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(text)) {
        response.headers_mut().insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Facts of the Smithy project's protocol tests.
    #[test]
    fn lists_are_split_at_commas_outside_quotes_and_dates() {
        for (text, dates, items) in [
            ("a, b,c", false, &["a", "b", "c"][..]),
            (r#""b,c", "\"def\"", a"#, false, &["b,c", "\"def\"", "a"]),
            (
                "Mon, 16 Dec 2019 23:48:18 GMT, Tue, 17 Dec 2019 23:48:18 GMT",
                true,
                &["Mon, 16 Dec 2019 23:48:18 GMT", "Tue, 17 Dec 2019 23:48:18 GMT"],
            ),
        ] {
            assert_eq!(split(text, dates), items, "{text}");
        }
    }
}
