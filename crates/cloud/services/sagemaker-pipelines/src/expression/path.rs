//! Paths of properties and into JSON documents: `A.b[0]['c']`.

use serde_json::Value;

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// A member by its name.
    Member(String),
    /// An element of a list, or a value of a map or the item of a list that has the name.
    Key(String),
    /// An element of a list, from 0.
    Index(usize),
}

/// Reads a path; `None` where it is none.
#[must_use]
pub fn parse(text: &str) -> Option<Vec<Segment>> {
    let mut segments = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        if let Some(inside) = rest.strip_prefix('[') {
            let quote = inside.chars().next().filter(|c| matches!(c, '\'' | '"'));
            let (segment, after) = match quote {
                Some(quote) => {
                    let (key, after) = inside.get(1..)?.split_once(quote)?;
                    (Segment::Key(key.to_owned()), after.strip_prefix(']')?)
                }
                None => {
                    let (index, after) = inside.split_once(']')?;
                    (Segment::Index(index.trim().parse().ok()?), after)
                }
            };
            segments.push(segment);
            rest = after;
            continue;
        }
        let member = match rest.strip_prefix('.') {
            Some(member) if !segments.is_empty() => member,
            Some(_) => return None,
            None if segments.is_empty() => rest,
            None => return None,
        };
        let end = member.find(['.', '[']).unwrap_or(member.len());
        let (name, after) = member.split_at_checked(end)?;
        if name.is_empty() {
            return None;
        }
        segments.push(Segment::Member(name.to_owned()));
        rest = after;
    }
    Some(segments)
}

/// Reads a path into a JSON document, which may begin with `$`.
#[must_use]
pub fn parse_json(text: &str) -> Option<Vec<Segment>> {
    match text.strip_prefix('$') {
        Some("") => Some(Vec::new()),
        Some(rest) => parse(rest.strip_prefix('.').unwrap_or(rest)),
        None if text.is_empty() => None,
        None => parse(text),
    }
}

/// Follows a path.
#[must_use]
pub fn follow<'v>(value: &'v Value, path: &[Segment]) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, segment| match (value, segment) {
        (Value::Object(map), Segment::Member(name) | Segment::Key(name)) => map.get(name),
        (Value::Array(items), Segment::Index(at)) => items.get(*at),
        (Value::Array(items), Segment::Key(name)) => items.iter().find(|item| is_named(item, name)),
        _ => None,
    })
}

/// Whether an item of a list has the name: in its `ChannelName`, `OutputName`, …
fn is_named(item: &Value, name: &str) -> bool {
    let members = item.as_object().into_iter().flatten();
    members.into_iter().any(|(member, value)| member.ends_with("Name") && value.as_str() == Some(name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_lead_through_members_keys_and_indices() {
        let job = json!({
            "Outputs": [{"OutputName": "train", "Uri": "s3://a"}, {"OutputName": "te.st", "Uri": "s3://b"}],
            "Map": {"a.b": 1},
            "Deep": {"List": [{"x": [7, 8]}]},
        });
        for (path, value) in [
            ("Outputs['train'].Uri", json!("s3://a")),
            ("Outputs['te.st'].Uri", json!("s3://b")),
            ("Outputs[1].OutputName", json!("te.st")),
            ("Map['a.b']", json!(1)),
            ("Map[\"a.b\"]", json!(1)),
            ("Deep.List[0].x[1]", json!(8)),
        ] {
            assert_eq!(follow(&job, &parse(path).unwrap()), Some(&value), "{path}");
        }
        for path in ["Nothing", "Outputs['x']", "Outputs[2]", "Deep.List.x", "Map[0]"] {
            assert_eq!(follow(&job, &parse(path).unwrap()), None, "{path}");
        }
        for path in [".a", "a.", "a..b", "a[", "a[x]", "a['x]", "a['x'", "[0]b", "a[-1]"] {
            assert_eq!(parse(path), None, "{path}");
        }
    }

    #[test]
    fn a_json_path_may_begin_with_a_dollar() {
        let found = Some(vec![Segment::Member("a".into()), Segment::Index(0)]);
        for path in ["a[0]", "$.a[0]"] {
            assert_eq!(parse_json(path), found, "{path}");
        }
        assert_eq!(parse_json("$"), Some(vec![]));
        assert_eq!(parse_json("$[1]"), Some(vec![Segment::Index(1)]));
        assert_eq!(parse_json(""), None);
    }
}
