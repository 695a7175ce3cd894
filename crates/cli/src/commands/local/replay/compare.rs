//! Whether two answers are the same, but for what differs at every run: times, ids, tokens, ports.

use std::collections::BTreeMap;

use sagewright_model::{Service, Shape, ShapeType};
use serde_json::{Map, Value};

/// Names that the recorded run got from the cloud, with those of this run.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeMap<String, String>);

/// Shorter names are not told from other words.
const SHORTEST: usize = 8;
/// Members that measure how long something took.
const MEASURED: &[&str] = &["TrainingTimeInSeconds", "BillableTimeInSeconds", "ModelLatency", "ContentLength"];

impl Names {
    /// Learns from an answer.
    pub(super) fn learn(&mut self, recorded: &Value, given: &Value) {
        match (recorded, given) {
            (Value::Object(recorded), Value::Object(given)) => {
                for (name, value) in recorded {
                    let Some(other) = given.get(name) else { continue };
                    match (value, other) {
                        (Value::String(a), Value::String(b)) => self.pair(a, b, is_id(name) || plain(a) == plain(b)),
                        _ => self.learn(value, other),
                    }
                }
            }
            (Value::Array(recorded), Value::Array(given)) => {
                recorded.iter().zip(given).for_each(|(value, other)| self.learn(value, other));
            }
            (Value::String(a), Value::String(b)) => self.pair(a, b, plain(a) == plain(b)),
            _ => {}
        }
    }

    fn pair(&mut self, recorded: &str, given: &str, fits: bool) {
        if fits && recorded != given && recorded.len() >= SHORTEST {
            self.0.insert(recorded.to_owned(), given.to_owned());
        }
    }

    /// An input with this run's names.
    pub(super) fn apply(&self, value: &mut Value) {
        match value {
            Value::Object(map) => map.values_mut().for_each(|value| self.apply(value)),
            Value::Array(items) => items.iter_mut().for_each(|value| self.apply(value)),
            Value::String(text) => {
                for (recorded, given) in &self.0 {
                    if text.contains(recorded.as_str()) {
                        *text = text.replace(recorded.as_str(), given);
                    }
                }
            }
            _ => {}
        }
    }
}

fn is_id(name: &str) -> bool {
    ["Id", "Token", "Marker"].iter().any(|end| name.ends_with(end))
}

/// What of an answer is the same at every run.
pub(super) fn stable(service: &Service, shape: &Shape, value: &Value) -> Value {
    let inner = |member: Option<&sagewright_model::Member>, value: &Value| {
        member.and_then(|m| service.target(m)).map_or_else(|| value.clone(), |target| stable(service, target, value))
    };
    match (shape.kind, value) {
        (ShapeType::Structure, Value::Object(map)) => {
            let kept = map.iter().filter(|(name, value)| {
                let target = shape.members.get(name.as_str()).and_then(|m| service.target(m));
                let varies = |target: &Shape| target.kind == ShapeType::Timestamp || target.kind == ShapeType::Blob;
                !value.is_null() && !MEASURED.contains(&name.as_str()) && target.is_some_and(|t| !varies(t))
            });
            kept.filter(|(name, _)| !is_id(name))
                .map(|(name, value)| match value {
                    // Told by content, not made up.
                    Value::String(text) if name == "ETag" || name.starts_with("Checksum") => {
                        (name.clone(), text.trim_matches('"').into())
                    }
                    value => (name.clone(), inner(shape.members.get(name.as_str()), value)),
                })
                .filter(|(_, value)| !is_empty(value))
                .collect::<Map<_, _>>()
                .into()
        }
        (ShapeType::List, Value::Array(items)) => items.iter().map(|v| inner(shape.member.as_ref(), v)).collect(),
        (ShapeType::Map, Value::Object(map)) => {
            map.iter().map(|(key, v)| (key.clone(), inner(shape.value.as_ref(), v))).collect()
        }
        (_, Value::String(text)) => plain(text).into(),
        (_, Value::Number(number)) => number.as_f64().map_or_else(|| value.clone(), Value::from),
        _ => value.clone(),
    }
}

/// Protocols differ in whether they tell empty values and absent ones apart.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Object(map) => map.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

/// A text without the ids, times and ports in it.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let fresh = !out.ends_with(|c: char| c.is_ascii_alphanumeric());
        match MADE_UP.iter().find_map(|(shape, name)| Some((shape(rest).filter(|_| fresh)?, *name))) {
            Some((length, name)) => {
                out.push_str(name);
                rest = rest.get(length..).unwrap_or_default();
            }
            None => {
                out.push(first);
                rest = rest.get(first.len_utf8()..).unwrap_or_default();
            }
        }
    }
    out
}

type Form = fn(&str) -> Option<usize>;

/// What is made up at each run: the length of one that a text begins with.
const MADE_UP: &[(Form, &str)] = &[(uuid, "<id>"), (time, "<time>"), (port, "<host>"), (run, "<id>")];

/// `0` stands for a digit, `x` for a hexadecimal one, all else for itself.
fn fits(text: &str, form: &str) -> Option<usize> {
    let head = text.as_bytes().get(..form.len())?;
    let one = |(byte, form): (&u8, u8)| match form {
        b'0' => byte.is_ascii_digit(),
        b'x' => byte.is_ascii_hexdigit(),
        other => *byte == other,
    };
    head.iter().zip(form.bytes()).all(one).then_some(form.len())
}

fn uuid(text: &str) -> Option<usize> {
    fits(text, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx")
}

fn time(text: &str) -> Option<usize> {
    let length = fits(text, "0000-00-00T00:00:00").or_else(|| fits(text, "0000-00-00 00:00:00"))?;
    let more =
        text.get(length..)?.bytes().take_while(|b| b.is_ascii_digit() || matches!(b, b'.' | b'Z' | b'+')).count();
    Some(length + more)
}

fn port(text: &str) -> Option<usize> {
    let host = ["127.0.0.1:", "localhost:"].iter().find(|host| text.starts_with(**host))?;
    let digits = text.get(host.len()..)?.bytes().take_while(u8::is_ascii_digit).count();
    (digits > 0).then_some(host.len() + digits)
}

/// Ten digits and more (times), an id of IAM, or hexadecimal digits.
fn run(text: &str) -> Option<usize> {
    let word = text.bytes().take_while(u8::is_ascii_alphanumeric).count();
    let run = text.get(..word)?.as_bytes();
    let digits = run.iter().filter(|b| b.is_ascii_digit()).count();
    let id = word >= 16 && digits > 0 && run.iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    let hex = word >= 12 && digits > 0 && run.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    ((digits == word && word >= 10) || id || hex).then_some(word)
}

/// The first place where two values differ, with both.
pub(super) fn difference(recorded: &Value, given: &Value) -> Option<String> {
    let mut path = String::new();
    let (a, b) = differs(recorded, given, &mut path)?;
    let short = |value: Option<&Value>| match value {
        None => "nothing".to_owned(),
        Some(value) => {
            let text = value.to_string();
            if text.chars().count() > 160 { text.chars().take(157).chain("...".chars()).collect() } else { text }
        }
    };
    let place = if path.is_empty() { String::new() } else { format!("{path}: ") };
    Some(format!("{place}{} now, {} when it was recorded", short(b), short(a)))
}

type Pair<'v> = (Option<&'v Value>, Option<&'v Value>);

fn differs<'v>(recorded: &'v Value, given: &'v Value, path: &mut String) -> Option<Pair<'v>> {
    let names: Vec<(String, Option<&Value>, Option<&Value>)> = match (recorded, given) {
        _ if recorded == given => return None,
        (Value::Object(a), Value::Object(b)) => {
            let more = b.keys().filter(|key| !a.contains_key(*key));
            a.keys().chain(more).map(|key| (key.clone(), a.get(key), b.get(key))).collect()
        }
        (Value::Array(a), Value::Array(b)) => {
            (0..a.len().max(b.len())).map(|i| (i.to_string(), a.get(i), b.get(i))).collect()
        }
        _ => return Some((Some(recorded), Some(given))),
    };
    names.into_iter().find_map(|(name, a, b)| {
        let length = path.len();
        path.push('/');
        path.push_str(&name);
        let found = match (a, b) {
            (Some(a), Some(b)) => differs(a, b, path),
            (None, None) => None,
            other => Some(other),
        };
        if found.is_none() {
            path.truncate(length);
        }
        found
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_differs_at_every_run_is_passed_over() {
        for (a, b) in [
            ("arn:aws:iam::000000000000:role/r", "arn:aws:iam::123456789012:role/r"),
            ("AROA0123456789ABCDEF", "AROAZZZZZZZZZ9999999"),
            ("at 2023-11-14T22:13:20.123Z", "at 2026-01-01T00:00:00Z"),
            ("http://127.0.0.1:4599/a", "http://127.0.0.1:33333/a"),
            ("x-1d0a4d0c-9d4c-4b0e-8d6e-0123456789ab", "x-00000000-0000-0000-0000-000000000000"),
        ] {
            assert_eq!(plain(a), plain(b));
        }
        for (a, b) in [("model-1", "model-2"), ("s3://a/b", "s3://a/c"), ("é1", "é2")] {
            assert_ne!(plain(a), plain(b));
        }
    }

    #[test]
    fn names_of_the_recorded_run_become_those_of_this_one() {
        let mut names = Names::default();
        names.learn(
            &json!({"UploadId": "one-upload", "Name": "a-model-1"}),
            &json!({"UploadId": "another", "Name": "a-model-2"}),
        );
        let mut input = json!({"UploadId": "one-upload", "Text": ["a-model-1", "to one-upload"]});
        names.apply(&mut input);
        assert_eq!(input, json!({"UploadId": "another", "Text": ["a-model-1", "to another"]}));
    }

    #[test]
    fn the_first_difference_is_told_by_its_path() {
        let told = |a, b| difference(&a, &b);
        assert_eq!(told(json!({"a": [1, 2]}), json!({"a": [1, 2]})), None);
        assert_eq!(
            told(json!({"a": [1, {"b": 2}]}), json!({"a": [1, {"b": 3}]})).unwrap(),
            "/a/1/b: 3 now, 2 when it was recorded"
        );
        assert_eq!(told(json!({}), json!({"a": 1})).unwrap(), "/a: 1 now, nothing when it was recorded");
    }
}
