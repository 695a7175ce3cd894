//! Checked values, and the ranges they were checked against.

use std::fmt;

use crate::python;

/// The value of one hyperparameter.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Integer(i64),
    Float(f64),
    Text(String),
    List(Vec<String>),
    /// Constraints of monotony, -1, 0 or 1 per feature.
    Tuple(Vec<i64>),
    /// Groups of features that may interact.
    Nested(Vec<Vec<i64>>),
}

impl Value {
    /// The value as XGBoost reads it.
    pub(super) fn for_xgboost(&self) -> String {
        match self {
            Self::Integer(value) => value.to_string(),
            Self::Float(value) => value.to_string(),
            Self::Text(text) => text.clone(),
            Self::List(items) => items.join(","),
            Self::Tuple(items) => format!("({})", joined(items, ",")),
            Self::Nested(groups) => nested(groups),
        }
    }
}

fn joined(items: &[i64], separator: &str) -> String {
    items.iter().map(i64::to_string).collect::<Vec<_>>().join(separator)
}

fn nested(groups: &[Vec<i64>]) -> String {
    let groups: Vec<String> = groups.iter().map(|group| format!("[{}]", joined(group, ", "))).collect();
    format!("[{}]", groups.join(", "))
}

/// Prints the value as the image's messages do: as Python.
impl fmt::Display for Value {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(value) => write!(out, "{value}"),
            Self::Float(value) => out.write_str(&python::float(*value)),
            Self::Text(text) => out.write_str(text),
            Self::List(items) => out.write_str(&python::string_list(items)),
            Self::Tuple(items) if items.len() == 1 => write!(out, "({},)", items[0]),
            Self::Tuple(items) => write!(out, "({})", joined(items, ", ")),
            Self::Nested(groups) => out.write_str(&nested(groups)),
        }
    }
}

/// A range of numbers; a bound is a whole number and may be left out of the range.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Interval {
    pub(super) low: Option<(i64, Bound)>,
    pub(super) high: Option<(i64, Bound)>,
}

/// Whether a bound belongs to the range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bound {
    Closed,
    Open,
}

impl Interval {
    pub(super) fn contains(self, value: f64) -> bool {
        // Written as the image writes it, so that NaN is inside as it is there... and refused when
        // the value is parsed.
        let below = self.low.is_some_and(|(low, bound)| match bound {
            Bound::Closed => value < low as f64,
            Bound::Open => value <= low as f64,
        });
        let above = self.high.is_some_and(|(high, bound)| match bound {
            Bound::Closed => value > high as f64,
            Bound::Open => value >= high as f64,
        });
        !below && !above
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.low {
            Some((low, Bound::Open)) => write!(out, "({low}, ")?,
            Some((low, Bound::Closed)) => write!(out, "[{low}, ")?,
            None => out.write_str("(-inf, ")?,
        }
        match self.high {
            Some((high, Bound::Open)) => write!(out, "{high})"),
            Some((high, Bound::Closed)) => write!(out, "{high}]"),
            None => out.write_str("+inf)"),
        }
    }
}

/// All checked values, in the user's order.
#[derive(Debug, Default)]
pub(super) struct Values(Vec<(&'static str, Value)>);

impl Values {
    pub(super) fn push(&mut self, name: &'static str, value: Value) {
        // The last of two spellings (an alias and its name) holds, as in the image.
        self.0.retain(|(known, _)| *known != name);
        self.0.push((name, value));
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &(&'static str, Value)> {
        self.0.iter()
    }

    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    pub(super) fn integer(&self, name: &str) -> Option<i64> {
        match self.get(name) {
            Some(Value::Integer(value)) => Some(*value),
            _ => None,
        }
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        match self.get(name) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    pub(super) fn list(&self, name: &str) -> Option<&[String]> {
        match self.get(name) {
            Some(Value::List(items)) => Some(items),
            _ => None,
        }
    }
}
