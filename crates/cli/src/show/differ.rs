//! Where two values differ, for people: a long value is not shown whole, and what changed in it is.

use std::collections::BTreeMap;

use serde_json::Value;

use super::value::{LONGEST, end_text, ends, plain_list, scalar};
use crate::output::terminal::on_line;

/// What stands in the place of a value that is not shown.
const HIDDEN: &str = "(sensitive)";
/// Characters around what differs in a long text.
const AROUND: usize = 20;

/// One difference between two values, by its path from them.
#[derive(Debug, PartialEq)]
pub(super) enum Difference {
    Gone(String, String),
    New(String, String),
    Changed(String, String, String),
}

/// What differs between two nested values.
pub(super) fn between(from: &Value, to: &Value) -> Vec<Difference> {
    of_ends(&ends(from), &ends(to))
}

/// What differs between two texts that are JSON objects or lists: member by member, elements by their names where they have
/// some. Nothing where one of them is no such text.
pub(super) fn in_json(from: &str, to: &str, secrets: bool) -> Option<Vec<Difference>> {
    let parse = |text: &str| -> Option<Value> {
        text.trim_start().starts_with(['{', '[']).then(|| serde_json::from_str(text).ok())?
    };
    let (from, to) = (parse(from)?, parse(to)?);
    let is_same = from == to;
    let shown = |value: Value| by_name(if secrets { value } else { hidden(value) });
    let all = between(&shown(from), &shown(to));
    let only = |text: &str| vec![Difference::Changed(String::new(), text.to_owned(), text.to_owned())];
    Some(match (all.is_empty(), is_same) {
        (true, true) => only("(the same JSON)"),
        (true, false) => only(HIDDEN),
        (false, _) => all,
    })
}

fn of_ends(before: &[(String, &Value)], after: &[(String, &Value)]) -> Vec<Difference> {
    let index = |all: &[(String, &Value)]| -> BTreeMap<String, Value> {
        all.iter().map(|(path, value)| (path.clone(), (*value).clone())).collect()
    };
    let (old, new) = (index(before), index(after));
    let gone = before.iter().filter(|(path, _)| !new.contains_key(path));
    let mut out: Vec<_> = gone.map(|(path, value)| Difference::Gone(path.clone(), end_text(value))).collect();
    for (path, value) in after {
        match old.get(path) {
            Some(before) if before == *value => {}
            Some(before) => {
                let (from, to) = values(before, value);
                out.push(Difference::Changed(path.clone(), from, to));
            }
            None => out.push(Difference::New(path.clone(), end_text(value))),
        }
    }
    out
}

/// Two values that differ, each on a line that is not too long and shows where.
pub(super) fn values(from: &Value, to: &Value) -> (String, String) {
    let (from, to) = (line(from), line(to));
    if from.chars().count() <= LONGEST && to.chars().count() <= LONGEST {
        return (from, to);
    }
    let (a, b): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    let head = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let most = a.len().min(b.len()) - head;
    let tail = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count().min(most);
    (part(&a, head, tail), part(&b, head, tail))
}

/// All of a value on one line.
fn line(value: &Value) -> String {
    value.as_array().and_then(|items| plain_list(items)).unwrap_or_else(|| scalar(value))
}

/// The part of a text between a common head and a common tail, with a little of both.
fn part(text: &[char], head: usize, tail: usize) -> String {
    let start = head.saturating_sub(AROUND);
    let end = (text.len() - tail + AROUND).min(text.len());
    let shown = text.get(start..end).unwrap_or_default();
    let cut = LONGEST.saturating_sub(2);
    let (shown, end) =
        if shown.len() > cut { (shown.get(..cut).unwrap_or_default(), start + cut) } else { (shown, end) };
    let mark = |there: bool| if there { "…" } else { "" };
    let count = if start == 0 && end == text.len() { String::new() } else { format!(" ({} characters)", text.len()) };
    format!("{}{}{}{count}", mark(start > 0), shown.iter().collect::<String>(), mark(end < text.len()))
}

/// Lists of objects that have a name each as objects by that name: `Steps[Train]` is the same step where one before it is
/// new. The names are written as indexes are.
fn by_name(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            map.into_iter().map(|(key, value)| (key, by_name(value))).collect::<serde_json::Map<_, _>>().into()
        }
        Value::Array(items) => {
            let name = |item: &Value| {
                let of = ["Name", "name", "Key", "Id"].iter().find_map(|member| item.get(*member)?.as_str())?;
                Some(format!("[{}]", on_line(of)))
            };
            let names: Option<Vec<String>> = items.iter().map(name).collect();
            let items: Vec<Value> = items.into_iter().map(by_name).collect();
            match names {
                Some(names) if is_distinct(&names) && !names.is_empty() => {
                    names.into_iter().zip(items).collect::<serde_json::Map<_, _>>().into()
                }
                _ => items.into(),
            }
        }
        other => other,
    }
}

fn is_distinct(names: &[String]) -> bool {
    names.iter().collect::<std::collections::BTreeSet<_>>().len() == names.len()
}

/// What is secret by its name, or by its form, is not shown: no model says what such a text holds.
fn hidden(value: Value) -> Value {
    use sagewright_model::{MASK, is_secret_key, is_secret_text, without_logins};
    match value {
        Value::Object(map) => {
            let named = ["Name", "Key", "name", "key"].iter().find_map(|member| map.get(*member)?.as_str());
            let is_secret = named.is_some_and(is_secret_key);
            let is_value = |key: &str| matches!(key, "Value" | "value" | "DefaultValue");
            let hide = |(key, value): (String, Value)| {
                let secret = is_secret_key(&key) && !value.is_object() || is_secret && is_value(&key);
                let value = if secret { MASK.into() } else { hidden(value) };
                (key, value)
            };
            map.into_iter().map(hide).collect::<serde_json::Map<_, _>>().into()
        }
        Value::Array(items) => items.into_iter().map(hidden).collect(),
        Value::String(text) if is_secret_text(&text) => MASK.into(),
        Value::String(text) => without_logins(&text).map_or(Value::String(text), Value::String),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_long_text_is_shown_where_it_differs() {
        let long = |middle: &str| json!(format!("{}{middle}{}", "a".repeat(300), "z".repeat(300)));
        let (from, to) = values(&long("0.7"), &long("0.75"));
        assert_eq!(from, format!("…{}0.7{}… (603 characters)", "a".repeat(17), "z".repeat(20)));
        assert_eq!(to, format!("…{}0.75{}… (604 characters)", "a".repeat(17), "z".repeat(20)));
        let (from, to) = values(&json!("x".repeat(200)), &json!("x".repeat(201)));
        assert_ne!(from, to, "what was appended is told");
        let (from, to) = values(&json!("é".repeat(500)), &json!("ü".repeat(500)));
        assert!(from.starts_with('é') && to.ends_with("… (500 characters)"), "{from} {to}");
        assert_eq!(values(&json!("a"), &json!(2)), ("a".to_owned(), "2".to_owned()));
    }

    #[test]
    fn json_texts_differ_in_members_and_named_elements() {
        let text = |min: f64, steps: Value| {
            json!({"Parameters": [{"Name": "MinAuc", "DefaultValue": min}], "Steps": steps}).to_string()
        };
        let train = json!({"Name": "Train", "Arguments": {"Image": "x".repeat(200)}});
        let from = text(0.7, json!([train]));
        let to = text(0.75, json!([{"Name": "First"}, train]));
        let changed = |path: &str, a: &str, b: &str| Difference::Changed(path.to_owned(), a.to_owned(), b.to_owned());
        let new = Difference::New("Steps[First].Name".to_owned(), "First".to_owned());
        assert_eq!(
            in_json(&from, &to, false).unwrap(),
            [changed("Parameters[MinAuc].DefaultValue", "0.7", "0.75"), new]
        );
        assert_eq!(in_json("[1, 2]", "[1, 3]", false).unwrap(), [changed("", "[1, 2]", "[1, 3]")]);
        assert_eq!((in_json("text", "{}", false), in_json("{", "{}", false)), (None, None));
    }

    #[test]
    fn secrets_in_json_texts_are_not_shown() {
        let text = |secret: &str| {
            json!({"Environment": {"DB_PASSWORD": secret, "URL": format!("https://u:{secret}@host/")},
            "Parameters": [{"Name": "api_key", "DefaultValue": secret}]})
            .to_string()
        };
        let hidden = || Difference::Changed(String::new(), HIDDEN.to_owned(), HIDDEN.to_owned());
        assert_eq!(in_json(&text("hunter2"), &text("hunter3"), false).unwrap(), [hidden()]);
        assert_eq!(in_json(&text("hunter2"), &text("hunter3"), true).unwrap().len(), 3);
    }

    #[test]
    fn long_ends_with_one_head_and_one_length_differ() {
        let of = |end: &str| json!({"env": {"X": format!("{}{end}", "x".repeat(200))}, "n": 1});
        let [Difference::Changed(path, from, to)] = &between(&of("a"), &of("b"))[..] else { panic!("one differs") };
        assert_eq!(path, "env.X");
        assert!(from.contains("xa (201") && to.contains("xb (201"), "{from} {to}");
    }
}
