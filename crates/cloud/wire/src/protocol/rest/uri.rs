//! What a request's method, path and query say: the operation, and members of its input.

use http::request::Parts;
use percent_encoding::percent_decode_str;
use sagewright_model::{Member, Operation, Service, Shape, ShapeType};
use serde_json::{Map, Value};

use super::text;
use crate::protocol::time::Format;
use sagewright_cloud_core::api::ApiError;

/// Members in a path, by name.
pub(super) type Labels = Vec<(String, String)>;

/// The operation whose method and path template fit, the one with the longest template first; of those that differ in
/// nothing else, as S3's PutObject, CopyObject and UploadPart, the one with the most required parameters, if the request has them.
pub(super) fn find(service: &'static Service, parts: &Parts) -> Option<(&'static Operation, Labels)> {
    service
        .operations
        .values()
        .filter(|o| *o.http.method == *parts.method.as_str())
        .filter(|o| named_in_query(&o.http.request_uri, parts.uri.query().unwrap_or_default()))
        .filter_map(|o| Some((o, labels(&o.http.request_uri, parts.uri.path())?)))
        .max_by_key(|(o, _)| {
            let required = required(service, o, parts);
            (o.http.request_uri.len(), required.is_some(), required, std::cmp::Reverse(o.name.as_str()))
        })
}

/// How many members an operation requires in query and headers; `None` where the request lacks one of them.
fn required(service: &Service, operation: &Operation, parts: &Parts) -> Option<usize> {
    let Some(shape) = operation.input.as_ref().and_then(|i| service.shape(&i.shape)) else { return Some(0) };
    let query = parts.uri.query().unwrap_or_default();
    let mut count = 0;
    for (name, member) in shape.members.iter().filter(|(name, _)| shape.is_required(name)) {
        let wire = member.location_name.as_deref().unwrap_or(name);
        let there = match member.location.as_deref() {
            Some("querystring") => query.split('&').any(|pair| pair.split('=').next() == Some(wire)),
            Some("header") => parts.headers.contains_key(wire),
            _ => continue,
        };
        if !there {
            return None;
        }
        count += 1;
    }
    Some(count)
}

/// Whether a query has all parameters that stand in a template, as in `/distribution?WithTags`.
fn named_in_query(template: &str, query: &str) -> bool {
    let pairs = |query: &'_ str| -> Vec<(String, String)> {
        let pairs = query.split('&').filter(|p| !p.is_empty()).map(|p| p.split_once('=').unwrap_or((p, "")));
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    };
    let Some((_, named)) = template.split_once('?') else { return true };
    let given = pairs(query);
    pairs(named).iter().all(|pair| given.contains(pair))
}

/// The labels of a path that fits a template: `{Name}` is one segment, `{Name+}` takes all that is left for it.
fn labels(template: &str, path: &str) -> Option<Labels> {
    let template = template.split('?').next()?;
    let pattern: Vec<&str> = template.split('/').skip(1).collect();
    let mut segments = path.split('/').skip(1).collect::<Vec<_>>();
    if segments.len() > 1 && segments.last() == Some(&"") && pattern.last() != Some(&"") {
        segments.pop();
    }
    let mut out = Vec::new();
    let mut at = 0;
    for (i, part) in pattern.iter().enumerate() {
        let label = part.strip_prefix('{').and_then(|p| p.strip_suffix('}'));
        let decode = |text: &str| percent_decode_str(text).decode_utf8().ok().map(std::borrow::Cow::into_owned);
        match label {
            None => {
                if segments.get(at) != Some(part) {
                    return None;
                }
                at += 1;
            }
            Some(label) => {
                let take = match label.strip_suffix('+') {
                    Some(_) => segments.len().checked_sub(at + (pattern.len() - i - 1)).filter(|n| *n > 0)?,
                    None => 1,
                };
                let text = segments.get(at..at + take)?.join("/");
                if text.is_empty() {
                    return None;
                }
                out.push((label.trim_end_matches('+').to_owned(), decode(&text)?));
                at += take;
            }
        }
    }
    (at == segments.len()).then_some(out)
}

/// A member in the query.
pub(super) fn from_query(
    service: &Service,
    member: &Member,
    shape: &Shape,
    wire: &str,
    query: &str,
) -> Result<Option<Value>, ApiError> {
    let decode = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    let pairs = query.split('&').filter(|p| !p.is_empty()).map(|p| p.split_once('=').unwrap_or((p, "")));
    if shape.kind == ShapeType::Map {
        return Ok(all_of_query(service, shape, pairs.map(|(n, v)| (decode(n), decode(v)))));
    }
    let mut values = pairs.filter(|(n, _)| decode(n) == wire).map(|(_, v)| decode(v));
    if shape.kind == ShapeType::List {
        let Some(item) = shape.member.as_ref().and_then(|m| service.target(m)) else { return Ok(None) };
        let items = values
            .map(|v| text::read(shape.member.as_ref(), item, &v, Format::Iso8601))
            .collect::<Result<Vec<_>, _>>()?;
        return Ok((!items.is_empty()).then_some(Value::Array(items)));
    }
    values.next().map(|v| text::read(Some(member), shape, &v, Format::Iso8601)).transpose()
}

/// The member that takes all parameters, those of other members as well.
fn all_of_query(service: &Service, shape: &Shape, pairs: impl Iterator<Item = (String, String)>) -> Option<Value> {
    let lists = shape.value.as_ref().and_then(|m| service.target(m)).is_some_and(|s| s.kind == ShapeType::List);
    let mut map = Map::new();
    for (name, value) in pairs {
        let value = Value::String(value);
        match map.get_mut(&name) {
            Some(Value::Array(values)) => values.push(value),
            Some(_) => {}
            None => drop(map.insert(name, if lists { Value::Array(vec![value]) } else { value })),
        }
    }
    (!map.is_empty()).then_some(Value::Object(map))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_matched_against_templates() {
        let one = |name: &str, value: &str| Some(vec![(name.to_owned(), value.to_owned())]);
        let cases = [
            ("/endpoints/{E}/invocations", "/endpoints/a/invocations", one("E", "a")),
            ("/endpoints/{E}/invocations", "/endpoints/a%20%2Fb/invocations", one("E", "a /b")),
            ("/endpoints/{E}/invocations", "/endpoints/a/b/invocations", None),
            ("/endpoints/{E}/invocations", "/endpoints//invocations", None),
            ("/endpoints/{E}/invocations", "/endpoints/a/invocations/", one("E", "a")),
            ("/b/{K+}", "/b/x/y/z", one("K", "x/y/z")),
            ("/b/{K+}/tail", "/b/x/y/tail", one("K", "x/y")),
            ("/b/{K+}", "/b", None),
            ("/b?list", "/b", Some(vec![])),
            ("/", "/", Some(vec![])),
        ];
        for (template, path, expected) in cases {
            assert_eq!(labels(template, path), expected, "{template} {path}");
        }
    }
}
