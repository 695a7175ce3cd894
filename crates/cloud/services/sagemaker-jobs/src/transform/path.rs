//! The part of `JSONPath` that SageMaker has, with its own rules: the end of a range is included, what is not there is an
//! error, and several names give an object. Crates for RFC 9535 differ in each of them.
//!
//! <https://docs.aws.amazon.com/sagemaker/latest/dg/batch-transform-data-processing.html#data-processing-operators>

use std::ops::RangeInclusive;

use serde_json::{Map, Value, json};

/// A path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path(Vec<Step>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Member(String),
    Members(Vec<String>),
    Index(i64),
    Indices(Vec<i64>),
    /// From and to, both included.
    Range(Option<i64>, Option<i64>),
    All,
}

impl Path {
    /// Reads a path; `None` for `$`, which selects everything.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Option<Self>, String> {
        let steps = steps(text.trim()).map_err(|why| format!("Invalid JsonPath: {text}: {why}"))?;
        Ok((!steps.is_empty()).then_some(Self(steps)))
    }

    /// Whether it can select columns of a row.
    pub fn selects_columns(&self) -> bool {
        matches!(*self.0, [Step::Index(_) | Step::Indices(_) | Step::Range(..) | Step::All])
    }

    /// The places that it selects in a row of so many columns.
    ///
    /// # Errors
    /// The row has fewer columns, or the path is not for rows.
    pub fn columns(&self, count: usize) -> Result<Vec<usize>, String> {
        let [step] = &*self.0 else { return Err("a row has no elements within its columns".to_owned()) };
        step.places(count)
    }

    /// What it selects.
    ///
    /// # Errors
    /// There is nothing at a place that it names.
    pub fn select(&self, value: &Value) -> Result<Value, String> {
        walk(value, &self.0)
    }
}

fn walk(value: &Value, steps: &[Step]) -> Result<Value, String> {
    let Some((step, rest)) = steps.split_first() else { return Ok(value.clone()) };
    let member = |name: &String| {
        let found = value.as_object().and_then(|object| object.get(name));
        found.ok_or_else(|| format!("key error: {name} not found in object"))
    };
    match (step, value) {
        (Step::Member(name), _) => walk(member(name)?, rest),
        (Step::Members(names), _) => {
            let walked = names.iter().map(|name| Ok((name.clone(), walk(member(name)?, rest)?)));
            walked.collect::<Result<Map<_, _>, String>>().map(Value::Object)
        }
        (Step::All, Value::Object(object)) => object.values().map(|value| walk(value, rest)).collect(),
        (step, Value::Array(list)) => {
            let mut walked = step.places(list.len())?.into_iter().filter_map(|at| list.get(at)).map(|v| walk(v, rest));
            match step {
                Step::Index(_) => walked.next().unwrap_or_else(|| Ok(json!(null))),
                _ => walked.collect(),
            }
        }
        _ => Err("an index is applied to what is no array".to_owned()),
    }
}

impl Step {
    fn places(&self, length: usize) -> Result<Vec<usize>, String> {
        let place = |index: i64| {
            let from_end = usize::try_from(index.unsigned_abs()).ok().filter(|_| index < 0);
            let place = match from_end {
                Some(back) => length.checked_sub(back),
                None => usize::try_from(index).ok().filter(|index| *index < length),
            };
            place.ok_or_else(|| format!("index out of range: len: {length}, idx: {index}"))
        };
        let range = |from: usize, to: usize| -> RangeInclusive<usize> { from..=to };
        match self {
            Self::Index(index) => Ok(vec![place(*index)?]),
            Self::Indices(indices) => indices.iter().map(|index| place(*index)).collect(),
            Self::Range(from, to) => Ok(range(place(from.unwrap_or(0))?, place(to.unwrap_or(-1))?).collect()),
            Self::All => Ok((0..length).collect()),
            Self::Member(_) | Self::Members(_) => Err("a name is applied to an array".to_owned()),
        }
    }
}

fn steps(text: &str) -> Result<Vec<Step>, String> {
    let mut rest = text.strip_prefix('$').ok_or("should start with '$'")?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('.').filter(|after| !after.starts_with('[')) {
            let end = after.find(['.', '[']).unwrap_or(after.len());
            let (name, left) = after.split_at(end);
            steps.push(match name {
                "" => return Err("expression don't support in filter: '..' or an empty name".to_owned()),
                "*" => Step::All,
                name => Step::Member(name.to_owned()),
            });
            rest = left;
        } else if let Some(after) = rest.strip_prefix(".[").or_else(|| rest.strip_prefix('[')) {
            let end = closing(after).ok_or("a '[' is not closed")?;
            let (inside, left) = after.split_at(end);
            steps.push(bracket(inside.trim())?);
            rest = left.strip_prefix(']').unwrap_or(left);
        } else {
            return Err(format!("unexpected '{rest}'"));
        }
    }
    Ok(steps)
}

/// Where the bracket ends, quotes heeded.
fn closing(text: &str) -> Option<usize> {
    let mut quote = None;
    text.char_indices().find_map(|(at, c)| match (quote, c) {
        (None, ']') => Some(at),
        (None, '\'' | '"') => {
            quote = Some(c);
            None
        }
        (Some(q), c) if q == c => {
            quote = None;
            None
        }
        _ => None,
    })
}

fn bracket(inside: &str) -> Result<Step, String> {
    if inside == "*" {
        return Ok(Step::All);
    }
    if inside.starts_with(['\'', '"']) {
        let mut names = names(inside)?;
        return Ok(if names.len() == 1 { Step::Member(names.remove(0)) } else { Step::Members(names) });
    }
    let number = |text: &str| {
        let why = || format!("'{text}' is neither an index nor a quoted name");
        text.trim().parse::<i64>().map_err(|_| why())
    };
    if let Some((from, to)) = inside.split_once(':') {
        if inside.contains(',') || to.contains(':') {
            return Err(format!(
                "only single range filters of format (eg: [1:5]) are supported. Format [{inside}] is not supported"
            ));
        }
        let bound = |text: &str| if text.trim().is_empty() { Ok(None) } else { number(text).map(Some) };
        return Ok(Step::Range(bound(from)?, bound(to)?));
    }
    let mut indices = inside.split(',').map(number).collect::<Result<Vec<_>, _>>()?;
    Ok(if indices.len() == 1 { Step::Index(indices.remove(0)) } else { Step::Indices(indices) })
}

/// `'a','b'`
fn names(mut text: &str) -> Result<Vec<String>, String> {
    let mut names = Vec::new();
    loop {
        let wrong = || format!("'{text}' is no list of quoted names");
        let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"')).ok_or_else(wrong)?;
        let (name, rest) = text.get(1..).and_then(|rest| rest.split_once(quote)).ok_or_else(wrong)?;
        names.push(name.to_owned());
        let rest = rest.trim_start();
        if rest.is_empty() {
            return Ok(names);
        }
        text = rest.strip_prefix(',').ok_or_else(wrong)?.trim_start();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn select(path: &str, value: Value) -> Result<Value, String> {
        Path::parse(path)?.map_or_else(|| Ok(value.clone()), |path| path.select(&value))
    }

    #[test]
    fn the_documented_operators_select_what_they_say() {
        let record =
            || json!({"id": 7, "features": [1, 2, 3, 4, 5, 6], "a-b": {"x": 1, "y": [2]}, "SageMakerOutput": 9});
        for (path, selected) in [
            ("$", record()),
            (" $ ", record()),
            ("$.id", json!(7)),
            ("$['id']", json!(7)),
            ("$['id','SageMakerOutput']", json!({"id": 7, "SageMakerOutput": 9})),
            ("$[\"id\", 'a-b']", json!({"id": 7, "a-b": {"x": 1, "y": [2]}})),
            ("$.a-b.['x','y']", json!({"x": 1, "y": [2]})),
            ("$.a-b.*", json!([1, [2]])),
            ("$.a-b[*]", json!([1, [2]])),
            ("$.features", json!([1, 2, 3, 4, 5, 6])),
            ("$.features[1]", json!(2)),
            ("$.features[-1]", json!(6)),
            ("$.features[1,3,5]", json!([2, 4, 6])),
            ("$.features[1:4]", json!([2, 3, 4, 5])),
            ("$.features[:5]", json!([1, 2, 3, 4, 5, 6])),
            ("$.features[4:]", json!([5, 6])),
            ("$.features[-2:]", json!([5, 6])),
            ("$.features[:-2]", json!([1, 2, 3, 4, 5])),
        ] {
            assert_eq!(select(path, record()), Ok(selected), "{path}");
        }
    }

    #[test]
    fn what_is_not_there_is_an_error() {
        for (path, why) in [
            ("$[5]", "index out of range: len: 3, idx: 5"),
            ("$[-4]", "index out of range: len: 3, idx: -4"),
            ("$[0,5]", "index out of range: len: 3, idx: 5"),
            ("$[1:3]", "index out of range: len: 3, idx: 3"),
            ("$.id", "key error: id not found in object"),
            ("$[0][0]", "an index is applied to what is no array"),
        ] {
            assert_eq!(select(path, json!([1, 2, 3])), Err(why.to_owned()), "{path}");
        }
    }

    #[test]
    fn other_syntax_is_refused() {
        for (path, why) in [
            (
                "$[0:2,246:]",
                "only single range filters of format (eg: [1:5]) are supported. Format [0:2,246:] is not supported",
            ),
            (
                "$[0:2:1]",
                "only single range filters of format (eg: [1:5]) are supported. Format [0:2:1] is not supported",
            ),
            ("id", "should start with '$'"),
            ("", "should start with '$'"),
            ("$..id", "expression don't support in filter: '..' or an empty name"),
            ("$.", "expression don't support in filter: '..' or an empty name"),
            ("$x", "unexpected 'x'"),
            ("$[1", "a '[' is not closed"),
            ("$[?(@.a)]", "'?(@.a)' is neither an index nor a quoted name"),
            ("$['a' 'b']", "''a' 'b'' is no list of quoted names"),
            ("$['a]", "a '[' is not closed"),
            ("$[]", "'' is neither an index nor a quoted name"),
        ] {
            assert_eq!(Path::parse(path), Err(format!("Invalid JsonPath: {path}: {why}")));
        }
    }

    #[test]
    fn rows_have_columns() {
        let columns = |path: &str, count| Path::parse(path).unwrap().unwrap().columns(count);
        assert_eq!(columns("$[0,-1]", 4), Ok(vec![0, 3]));
        assert_eq!(columns("$[1:]", 4), Ok(vec![1, 2, 3]));
        assert_eq!(columns("$[*]", 2), Ok(vec![0, 1]));
        assert!(columns("$[1:]", 1).is_err());
        assert!(Path::parse("$[1:]").unwrap().unwrap().selects_columns());
        for other in ["$.a", "$[0][1]", "$['a','b']"] {
            assert!(!Path::parse(other).unwrap().unwrap().selects_columns(), "{other}");
        }
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_parser(text in "\\$?[\\[\\].,:*'\"a0-9 -]{0,12}") {
            if let Ok(Some(path)) = Path::parse(&text) {
                let _ = path.select(&json!([[1, {"a": 2}], 3]));
                let _ = path.columns(2);
            }
        }
    }
}
