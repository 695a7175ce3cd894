//! Deep validation of input with the text that AWS's services answer.
//!
//! Two stages, as in AWS: values that cannot be read at all are a `SerializationException`; then every constraint
//! of every member, nested ones included, is checked, and all violations are told in one `ValidationException`:
//! `2 validation errors detected: Value 'x' at 'a.b.1.member.c' failed to satisfy constraint: …; Value …`.

use std::fmt::{self, Write as _};

use serde_json::Value;

use crate::name::to_message;
use crate::pattern::Pattern;
use crate::shape::{Member, Service, Shape, ShapeType};

/// One step from the input's top to a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// A structure's member, by its AWS name.
    Member(String),
    /// An element of a list, from 0.
    Index(usize),
    /// A value of a map.
    Key(String),
}

/// One constraint that one value fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Where the value is.
    pub path: Vec<Segment>,
    /// The value as AWS shows it; `None` for one that is missing.
    pub value: Option<String>,
    /// What it fails, in AWS's words.
    pub constraint: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(f, "Value '{value}'")?,
            None => f.write_str("Value null")?,
        }
        write!(f, " at '{}' failed to satisfy constraint: {}", path_text(&self.path), self.constraint)
    }
}

/// Input that a service would refuse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Invalid {
    /// A value of the wrong type: AWS's `SerializationException`.
    Type {
        /// Where the value is.
        path: Vec<Segment>,
        /// AWS's message.
        message: String,
    },
    /// Failed constraints: AWS's `ValidationException`.
    Constraints(Vec<Violation>),
}

impl Invalid {
    /// The error code on the wire.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Type { .. } => "SerializationException",
            Self::Constraints(_) => "ValidationException",
        }
    }
}

impl std::error::Error for Invalid {}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Type { message, .. } => f.write_str(message),
            Self::Constraints(list) => {
                let plural = if list.len() == 1 { "" } else { "s" };
                write!(f, "{} validation error{plural} detected: ", list.len())?;
                for (i, violation) in list.iter().enumerate() {
                    f.write_str(if i == 0 { "" } else { "; " })?;
                    violation.fmt(f)?;
                }
                Ok(())
            }
        }
    }
}

/// Checks `input` against a shape. `null` members count as absent and unknown members are ignored, as AWS does.
///
/// # Errors
/// The wrong type first met, or else all failed constraints.
pub fn validate(service: &Service, shape: &Shape, input: &Value) -> Result<(), Invalid> {
    let mut check = Check { service, path: Vec::new(), violations: Vec::new() };
    check.types(shape, input)?;
    check.constraints(shape, input);
    if check.violations.is_empty() { Ok(()) } else { Err(Invalid::Constraints(check.violations)) }
}

/// Whether the whole text matches the pattern of a string shape (`true` where the shape has none).
#[must_use]
pub fn check_pattern(shape: &Shape, text: &str) -> bool {
    let Some(source) = &shape.pattern else { return true };
    let pattern = shape.compiled.get_or_init(|| Pattern::new(source));
    // A pattern that cannot be run refuses nothing (there is none in the embedded models).
    pattern.as_ref().is_none_or(|pattern| pattern.is_match(text))
}

/// Whether a text is refused for its length, and is so long that looking at all of it would only take time.
fn far_too_long(shape: &Shape, text: &str) -> bool {
    const FAR: f64 = 4096.0;
    // In bytes, of which a character has four at most.
    #[allow(clippy::cast_precision_loss)]
    shape.max.is_some_and(|max| text.len() as f64 > 4.0 * max + FAR)
}

/// A [`Segment`] that owns nothing: most input is valid, and no path of it is ever told.
#[derive(Clone, Copy)]
enum Step<'a> {
    Member(&'a str),
    Index(usize),
    Key(&'a str),
}

impl From<&Step<'_>> for Segment {
    fn from(step: &Step<'_>) -> Self {
        match *step {
            Step::Member(name) => Self::Member(name.to_owned()),
            Step::Index(i) => Self::Index(i),
            Step::Key(key) => Self::Key(key.to_owned()),
        }
    }
}

/// Violations that are told at most: a request may have hundreds of thousands, and nobody reads more.
const MOST_VIOLATIONS: usize = 100;
/// One more than the largest long.
const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;
/// Characters that are told of a value at most.
const LONGEST_SHOWN: usize = 4096;

struct Check<'a> {
    service: &'a Service,
    path: Vec<Step<'a>>,
    violations: Vec<Violation>,
}

impl<'a> Check<'a> {
    fn path(&self) -> Vec<Segment> {
        self.path.iter().map(Segment::from).collect()
    }

    fn types(&mut self, shape: &'a Shape, value: &'a Value) -> Result<(), Invalid> {
        use ShapeType as T;
        let wrong = |this: &Self, message: String| Err(Invalid::Type { path: this.path(), message });
        match (shape.kind, value) {
            (_, Value::Null) | (T::Boolean, Value::Bool(_)) | (T::Blob, Value::String(_)) => Ok(()),
            (T::Structure, Value::Object(map)) => {
                for (name, member) in &shape.members {
                    if let Some(child) = map.get(*name) {
                        self.child_types(Step::Member(name), member, child)?;
                    }
                }
                Ok(())
            }
            (T::List, Value::Array(items)) => {
                for (i, item) in items.iter().enumerate() {
                    if let Some(member) = &shape.member {
                        self.child_types(Step::Index(i), member, item)?;
                    }
                }
                Ok(())
            }
            (T::Map, Value::Object(map)) => {
                for (key, item) in map {
                    if let Some(member) = &shape.value {
                        self.child_types(Step::Key(key), member, item)?;
                    }
                }
                Ok(())
            }
            (T::String | T::Character | T::Timestamp, Value::String(_)) => Ok(()),
            (T::Timestamp | T::Float | T::Double | T::BigDecimal, Value::Number(_)) => Ok(()),
            (T::Float | T::Double, Value::String(s)) if matches!(s.as_str(), "NaN" | "Infinity" | "-Infinity") => {
                Ok(())
            }
            (T::Integer | T::Long | T::Short | T::Byte | T::BigInteger, Value::Number(n)) => {
                // The least, and the first past the most.
                let bounds = match shape.kind {
                    T::Integer => f64::from(i32::MIN)..f64::from(i32::MAX) + 1.0,
                    T::Short => f64::from(i16::MIN)..f64::from(i16::MAX) + 1.0,
                    T::Byte => f64::from(i8::MIN)..f64::from(i8::MAX) + 1.0,
                    T::Long => -TWO_TO_63..TWO_TO_63,
                    _ => f64::NEG_INFINITY..f64::INFINITY,
                };
                // `i64::MAX` is rounded up as a floating-point number.
                let long = shape.kind == T::Long && n.is_i64();
                match n.as_f64() {
                    Some(x) if long || x.fract() == 0.0 && bounds.contains(&x) => Ok(()),
                    _ => wrong(self, format!("{n} can not be converted to {}", java_type(shape.kind))),
                }
            }
            (T::Structure | T::Map, Value::Array(_)) => {
                wrong(self, "Start of list found where not expected".to_owned())
            }
            (_, Value::Array(_)) => wrong(self, "Start of list found where not expected".to_owned()),
            (_, Value::Object(_)) => wrong(self, "Start of structure or map found where not expected.".to_owned()),
            (T::Structure | T::Map | T::List, _) => wrong(self, "Unexpected token received from parser".to_owned()),
            (kind, other) => wrong(self, format!("{} can not be converted to {}", token(other), java_type(kind))),
        }
    }

    fn child_types(&mut self, step: Step<'a>, member: &Member, value: &'a Value) -> Result<(), Invalid> {
        let Some(shape) = self.service.target(member) else { return Ok(()) };
        self.path.push(step);
        let result = self.types(shape, value);
        self.path.pop();
        result
    }

    fn constraints(&mut self, shape: &'a Shape, value: &'a Value) {
        if self.violations.len() >= MOST_VIOLATIONS {
            return;
        }
        match (shape.kind, value) {
            (ShapeType::Structure, Value::Object(map)) => {
                if shape.union
                    && map.iter().filter(|(k, v)| shape.members.contains_key(k.as_str()) && !v.is_null()).count() != 1
                {
                    self.fail(shape, Some(value), "Member must have exactly one member set".to_owned());
                }
                for (name, member) in &shape.members {
                    let child = map.get(*name).filter(|v| !v.is_null());
                    self.path.push(Step::Member(name));
                    match child {
                        None if shape.is_required(name) => {
                            self.fail(shape, None, "Member must not be null".to_owned());
                        }
                        None => {}
                        Some(child) => self.member(member, child),
                    }
                    self.path.pop();
                }
            }
            (ShapeType::List, Value::Array(items)) => {
                self.own(shape, value);
                self.elements(shape, value, shape.member.as_ref(), items.iter(), "Member must satisfy constraint");
                if let Some(member) = &shape.member {
                    for (i, item) in items.iter().enumerate() {
                        self.nested(Step::Index(i), member, item);
                    }
                }
            }
            (ShapeType::Map, Value::Object(map)) => {
                self.own(shape, value);
                let keys: Vec<Value> = map.keys().map(|k| Value::String(k.clone())).collect();
                self.elements(shape, value, shape.key.as_ref(), keys.iter(), "Map keys must satisfy constraint");
                self.elements(shape, value, shape.value.as_ref(), map.values(), "Map value must satisfy constraint");
                if let Some(member) = &shape.value {
                    for (key, item) in map {
                        self.nested(Step::Key(key), member, item);
                    }
                }
            }
            _ => self.own(shape, value),
        }
    }

    fn member(&mut self, member: &Member, value: &'a Value) {
        if let Some(shape) = self.service.target(member) {
            self.constraints(shape, value);
        }
    }

    /// Elements that hold members of their own get violations of their own; plain ones are told with the list.
    fn nested(&mut self, step: Step<'a>, member: &Member, value: &'a Value) {
        if let Some(shape) = self.service.target(member)
            && matches!(shape.kind, ShapeType::Structure | ShapeType::List | ShapeType::Map)
        {
            self.path.push(step);
            self.constraints(shape, value);
            self.path.pop();
        }
    }

    /// AWS tells a bad plain element on its list or map, with all constraints that elements have to satisfy.
    fn elements<'v>(
        &mut self,
        shape: &Shape,
        whole: &Value,
        member: Option<&Member>,
        mut values: impl Iterator<Item = &'v Value>,
        lead: &str,
    ) {
        let Some(element) = member.and_then(|m| self.service.target(m)) else { return };
        if values.any(|v| failures(element, v).next().is_some()) {
            let all: Vec<_> = all_constraints(element).collect();
            self.fail(shape, Some(whole), format!("{lead}: [{}]", all.join(", ")));
        }
    }

    fn own(&mut self, shape: &Shape, value: &Value) {
        for constraint in failures(shape, value) {
            self.fail(shape, Some(value), constraint);
        }
    }

    fn fail(&mut self, shape: &Shape, value: Option<&Value>, constraint: String) {
        let value = value.map(|v| {
            if shape.sensitive {
                return "***Sensitive***".to_owned();
            }
            let mut text = String::new();
            show(v, &mut text);
            if let Some((end, _)) = text.char_indices().nth(LONGEST_SHOWN) {
                text.truncate(end);
                text.push('…');
            }
            text
        });
        self.violations.push(Violation { path: self.path(), value, constraint });
    }
}

/// The constraints of `shape` itself that `value` fails, in AWS's words.
fn failures<'a>(shape: &'a Shape, value: &'a Value) -> impl Iterator<Item = String> + 'a {
    constraints_of(shape).filter(move |c| !c.holds(shape, value)).map(|c| c.text(shape))
}

fn all_constraints(shape: &Shape) -> impl Iterator<Item = String> + '_ {
    constraints_of(shape).map(|c| c.text(shape))
}

enum Constraint {
    Max(f64),
    Min(f64),
    Pattern,
    Enum,
}

fn constraints_of(shape: &Shape) -> impl Iterator<Item = Constraint> + '_ {
    [
        shape.max.map(Constraint::Max),
        shape.min.map(Constraint::Min),
        shape.pattern.is_some().then_some(Constraint::Pattern),
        (!shape.enumeration.is_empty()).then_some(Constraint::Enum),
    ]
    .into_iter()
    .flatten()
}

impl Constraint {
    fn holds(&self, shape: &Shape, value: &Value) -> bool {
        match self {
            Self::Max(max) => measure(shape, value).is_none_or(|n| n <= *max),
            Self::Min(min) => measure(shape, value).is_none_or(|n| n >= *min),
            Self::Pattern => value.as_str().is_none_or(|text| far_too_long(shape, text) || check_pattern(shape, text)),
            Self::Enum => value.as_str().is_none_or(|text| shape.enumeration.iter().any(|e| e == text)),
        }
    }

    fn text(&self, shape: &Shape) -> String {
        let measured = match shape.kind {
            ShapeType::String | ShapeType::Character | ShapeType::Blob | ShapeType::List | ShapeType::Map => "length",
            _ => "value",
        };
        match self {
            Self::Max(max) => format!("Member must have {measured} less than or equal to {max}"),
            Self::Min(min) => format!("Member must have {measured} greater than or equal to {min}"),
            Self::Pattern => format!(
                "Member must satisfy regular expression pattern: {}",
                shape.pattern.as_deref().unwrap_or_default()
            ),
            Self::Enum => format!("Member must satisfy enum value set: [{}]", shape.enumeration.join(", ")),
        }
    }
}

/// The number that `min` and `max` bound.
#[allow(clippy::cast_precision_loss)] // lengths are far below 2^52
fn measure(shape: &Shape, value: &Value) -> Option<f64> {
    match (shape.kind, value) {
        (ShapeType::String | ShapeType::Character, Value::String(s)) => Some(s.chars().count() as f64),
        (ShapeType::Blob, Value::String(s)) => {
            let padding = s.bytes().rev().take_while(|b| *b == b'=').count();
            Some((s.len() / 4 * 3).saturating_sub(padding) as f64)
        }
        (ShapeType::List, Value::Array(a)) => Some(a.len() as f64),
        (ShapeType::Map, Value::Object(m)) => Some(m.len() as f64),
        (ShapeType::Timestamp, _) => None,
        (_, Value::Number(n)) => n.as_f64(),
        _ => None,
    }
}

fn path_text(path: &[Segment]) -> String {
    let mut out = String::new();
    for segment in path {
        if !out.is_empty() {
            out.push('.');
        }
        let _ = match segment {
            Segment::Member(name) => out.write_str(&to_message(name)),
            Segment::Index(i) => write!(out, "{}.member", i + 1),
            Segment::Key(key) => write!(out, "{key}.member"),
        };
    }
    out
}

/// Values as Java prints them, which is how AWS shows them.
fn show(value: &Value, out: &mut String) {
    match value {
        Value::String(s) => out.push_str(s),
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                out.push_str(if i == 0 { "" } else { ", " });
                show(item, out);
            }
            out.push(']');
        }
        Value::Object(map) => {
            out.push('{');
            for (i, (key, item)) in map.iter().enumerate() {
                out.push_str(if i == 0 { "" } else { ", " });
                out.push_str(key);
                out.push('=');
                show(item, out);
            }
            out.push('}');
        }
        other => {
            let _ = write!(out, "{other}");
        }
    }
}

fn token(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "STRING_VALUE",
        Value::Number(_) => "NUMBER_VALUE",
        Value::Bool(true) => "TRUE_VALUE",
        Value::Bool(false) => "FALSE_VALUE",
        _ => "VALUE",
    }
}

fn java_type(kind: ShapeType) -> &'static str {
    match kind {
        ShapeType::Boolean => "a Boolean",
        ShapeType::Integer => "an Integer",
        ShapeType::Long => "a Long",
        ShapeType::Short => "a Short",
        ShapeType::Byte => "a Byte",
        ShapeType::Float => "a Float",
        ShapeType::Double => "a Double",
        ShapeType::BigDecimal => "a BigDecimal",
        ShapeType::BigInteger => "a BigInteger",
        ShapeType::Blob => "a Blob",
        ShapeType::Timestamp => "a Timestamp",
        _ => "a String",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_makes_a_pattern_run_away_is_refused() {
        let shape: Shape = serde_json::from_str(r#"{"type": "string", "pattern": "(a*)*\\1b"}"#).unwrap();
        assert!(check_pattern(&shape, "aab"));
        assert!(!check_pattern(&shape, &"a".repeat(50_000)));
    }

    #[test]
    fn a_text_that_is_far_too_long_is_refused_for_its_length_alone() {
        let shape: Shape = serde_json::from_str(r#"{"type": "string", "max": 8, "pattern": "[a-z]+"}"#).unwrap();
        let failed = |text: &str| -> Vec<bool> {
            constraints_of(&shape).map(|c| !c.holds(&shape, &Value::String(text.to_owned()))).collect()
        };
        assert_eq!(failed("aaaa"), [false, false]);
        assert_eq!(failed("AAAAAAAAA"), [true, true]);
        assert_eq!(failed(&"A".repeat(100_000)), [true, false]);
    }
}
