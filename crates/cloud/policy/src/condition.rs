//! Conditions: operators over the keys of a request.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::document::{Kind, PolicyError, malformed, texts};
use super::wildcard;

/// Values of condition keys; key names in lower case, as AWS does not tell cases apart.
#[derive(Debug, Clone, Default)]
pub struct Context(BTreeMap<String, Vec<String>>);

impl Context {
    /// Adds a value.
    pub fn add(&mut self, key: &str, value: impl Into<String>) {
        self.0.entry(key.to_ascii_lowercase()).or_default().push(value.into());
    }

    fn get(&self, key: &str) -> Option<&[String]> {
        self.0.get(&key.to_ascii_lowercase()).map(Vec::as_slice)
    }
}

/// What a key's value is compared by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `StringEquals`
    StringEquals,
    /// `StringEqualsIgnoreCase`
    StringEqualsIgnoreCase,
    /// `StringLike`
    StringLike,
    /// `ArnEquals` and `ArnLike`, which are the same.
    ArnLike,
    /// `Bool`
    Bool,
    /// `Null`
    Null,
    /// `NumericEquals`, `NumericLessThan`, …
    Numeric(Order),
    /// `DateEquals`, `DateLessThan`, …
    Date(Order),
}

/// How two values compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Equal.
    Equals,
    /// Less.
    Less,
    /// Less or equal.
    LessOrEqual,
    /// Greater.
    Greater,
    /// Greater or equal.
    GreaterOrEqual,
}

/// What is asked of keys with several values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantifier {
    /// The one value.
    One,
    /// `ForAllValues:`
    All,
    /// `ForAnyValue:`
    Any,
}

/// One operator over one key.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// What is compared.
    pub operator: Operator,
    /// `…Not…`: none of the values may match.
    pub negated: bool,
    /// `…IfExists`: holds where the request has no such key.
    pub if_exists: bool,
    /// Prefix.
    pub quantifier: Quantifier,
    /// Condition key.
    pub key: String,
    /// One of these has to match.
    pub values: Vec<String>,
}

impl Condition {
    /// All conditions of a statement's `Condition` block.
    pub(super) fn all_of(value: Option<&Value>, kind: Kind) -> Result<Vec<Self>, PolicyError> {
        let Some(value) = value else { return Ok(Vec::new()) };
        let Value::Object(operators) = value else { return malformed("Syntax errors in policy.") };
        let mut out = Vec::new();
        for (name, keys) in operators {
            let Value::Object(keys) = keys else { return malformed("Syntax errors in policy.") };
            let Some((operator, negated, if_exists, quantifier)) = read_operator(name) else {
                if ["IpAddress", "NotIpAddress", "BinaryEquals"].iter().any(|o| name.contains(o)) {
                    // Kept in identity policies, which are not evaluated; a trust policy would be judged wrongly.
                    if kind == Kind::Identity {
                        continue;
                    }
                    return Err(PolicyError::Unsupported(format!(
                        "The condition operator {name} in a trust policy is not supported by the embedded cloud; remove it here, \
                         or use a real AWS account"
                    )));
                }
                return malformed(format!("Invalid Condition type : {name}."));
            };
            for (key, values) in keys {
                let values = texts(values)?;
                out.push(Self { operator, negated, if_exists, quantifier, key: key.clone(), values });
            }
        }
        Ok(out)
    }

    /// Whether it holds for a request.
    #[must_use]
    pub fn holds(&self, context: &Context) -> bool {
        let found = context.get(&self.key);
        if self.operator == Operator::Null {
            let absent = found.is_none_or(<[String]>::is_empty);
            return self.values.iter().any(|v| v.eq_ignore_ascii_case(if absent { "true" } else { "false" }));
        }
        let Some(found) = found.filter(|values| !values.is_empty()) else {
            // AWS: a missing key fulfils negated operators, `IfExists` and `ForAllValues`.
            return match self.quantifier {
                Quantifier::All => true,
                Quantifier::Any => self.if_exists,
                Quantifier::One => self.if_exists || self.negated,
            };
        };
        let one =
            |value: &String| self.values.iter().any(|wanted| self.operator.matches(wanted, value)) != self.negated;
        match self.quantifier {
            Quantifier::All => found.iter().all(one),
            // A negated operator over several plain values holds only where none matches.
            Quantifier::One if self.negated => found.iter().all(one),
            Quantifier::Any | Quantifier::One => found.iter().any(one),
        }
    }
}

fn read_operator(name: &str) -> Option<(Operator, bool, bool, Quantifier)> {
    let (quantifier, rest) = match name.split_once(':') {
        Some(("ForAllValues", rest)) => (Quantifier::All, rest),
        Some(("ForAnyValue", rest)) => (Quantifier::Any, rest),
        Some(_) => return None,
        None => (Quantifier::One, name),
    };
    let (rest, if_exists) = rest.strip_suffix("IfExists").map_or((rest, false), |rest| (rest, true));
    let (operator, negated) = match rest {
        "StringEquals" => (Operator::StringEquals, false),
        "StringNotEquals" => (Operator::StringEquals, true),
        "StringEqualsIgnoreCase" => (Operator::StringEqualsIgnoreCase, false),
        "StringNotEqualsIgnoreCase" => (Operator::StringEqualsIgnoreCase, true),
        "StringLike" => (Operator::StringLike, false),
        "StringNotLike" => (Operator::StringLike, true),
        "ArnEquals" | "ArnLike" => (Operator::ArnLike, false),
        "ArnNotEquals" | "ArnNotLike" => (Operator::ArnLike, true),
        "Bool" => (Operator::Bool, false),
        "Null" if !if_exists => (Operator::Null, false),
        _ => {
            let (family, order): (fn(Order) -> Operator, &str) =
                match (rest.strip_prefix("Numeric"), rest.strip_prefix("Date")) {
                    (Some(order), _) => (Operator::Numeric, order),
                    (None, Some(order)) => (Operator::Date, order),
                    (None, None) => return None,
                };
            match order {
                "Equals" => (family(Order::Equals), false),
                "NotEquals" => (family(Order::Equals), true),
                "LessThan" => (family(Order::Less), false),
                "LessThanEquals" => (family(Order::LessOrEqual), false),
                "GreaterThan" => (family(Order::Greater), false),
                "GreaterThanEquals" => (family(Order::GreaterOrEqual), false),
                _ => return None,
            }
        }
    };
    Some((operator, negated, if_exists, quantifier))
}

impl Operator {
    fn matches(self, wanted: &str, value: &str) -> bool {
        match self {
            Self::StringEquals => wanted == value,
            Self::StringEqualsIgnoreCase => wanted.eq_ignore_ascii_case(value),
            Self::StringLike => wildcard(wanted, value),
            Self::ArnLike => arn_like(wanted, value),
            Self::Bool => wanted.eq_ignore_ascii_case(value),
            Self::Null => false,
            Self::Numeric(order) => match (wanted.parse::<f64>(), value.parse::<f64>()) {
                (Ok(wanted), Ok(value)) => value.partial_cmp(&wanted).is_some_and(|found| order.allows(found)),
                _ => false,
            },
            Self::Date(order) => match (instant(wanted), instant(value)) {
                (Some(wanted), Some(value)) => order.allows(value.cmp(&wanted)),
                _ => false,
            },
        }
    }
}

impl Order {
    fn allows(self, found: std::cmp::Ordering) -> bool {
        match self {
            Self::Equals => found.is_eq(),
            Self::Less => found.is_lt(),
            Self::LessOrEqual => found.is_le(),
            Self::Greater => found.is_gt(),
            Self::GreaterOrEqual => found.is_ge(),
        }
    }
}

/// Each of the six parts matches by itself, so that a `*` does not reach over a `:`.
fn arn_like(wanted: &str, value: &str) -> bool {
    let (wanted, value): (Vec<_>, Vec<_>) = (wanted.splitn(6, ':').collect(), value.splitn(6, ':').collect());
    wanted.len() == value.len() && wanted.iter().zip(&value).all(|(w, v)| wildcard(w, v))
}

/// ISO 8601 or seconds since 1970.
fn instant(text: &str) -> Option<Timestamp> {
    if let Ok(seconds) = text.parse::<i64>() {
        return Timestamp::from_second(seconds).ok();
    }
    text.parse().ok().or_else(|| format!("{text}T00:00:00Z").parse().ok())
}
