//! Operators of conditions.

use core::net::IpAddr;
use std::cmp::Ordering;

use jiff::Timestamp;

use super::context::Context;
use super::template::{Expanded, Template};

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
    /// `BinaryEquals`: base64.
    Binary,
    /// `IpAddress`: an address, or a range of them.
    IpAddress,
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

/// Names of operators that are no comparison of numbers or times: what they compare by, and whether they are negated.
const NAMES: &[(&str, Operator, bool)] = &[
    ("StringEquals", Operator::StringEquals, false),
    ("StringNotEquals", Operator::StringEquals, true),
    ("StringEqualsIgnoreCase", Operator::StringEqualsIgnoreCase, false),
    ("StringNotEqualsIgnoreCase", Operator::StringEqualsIgnoreCase, true),
    ("StringLike", Operator::StringLike, false),
    ("StringNotLike", Operator::StringLike, true),
    ("ArnEquals", Operator::ArnLike, false),
    ("ArnLike", Operator::ArnLike, false),
    ("ArnNotEquals", Operator::ArnLike, true),
    ("ArnNotLike", Operator::ArnLike, true),
    ("Bool", Operator::Bool, false),
    ("BinaryEquals", Operator::Binary, false),
    ("IpAddress", Operator::IpAddress, false),
    ("NotIpAddress", Operator::IpAddress, true),
    ("Null", Operator::Null, false),
];

/// Endings of `Numeric…` and `Date…`.
const ORDERS: &[(&str, Order, bool)] = &[
    ("Equals", Order::Equals, false),
    ("NotEquals", Order::Equals, true),
    ("LessThan", Order::Less, false),
    ("LessThanEquals", Order::LessOrEqual, false),
    ("GreaterThan", Order::Greater, false),
    ("GreaterThanEquals", Order::GreaterOrEqual, false),
];

impl Operator {
    /// The operator of a name without prefix and `IfExists`, and whether it is negated.
    pub(super) fn named(name: &str) -> Option<(Self, bool)> {
        if let Some((_, operator, negated)) = NAMES.iter().find(|(n, ..)| *n == name) {
            return Some((*operator, *negated));
        }
        let (family, order): (fn(Order) -> Self, &str) = match name.strip_prefix("Numeric") {
            Some(order) => (Self::Numeric, order),
            None => (Self::Date, name.strip_prefix("Date")?),
        };
        ORDERS.iter().find(|(n, ..)| *n == order).map(|(_, order, negated)| (family(*order), *negated))
    }

    /// Whether a request's value is what a policy wants; `None` where it cannot be told.
    pub(super) fn matches(self, wanted: &Template, value: &str, context: &Context) -> Option<bool> {
        match self {
            Self::StringEquals | Self::StringEqualsIgnoreCase | Self::StringLike | Self::ArnLike => {
                let pattern = match wanted.expand(context) {
                    Expanded::Pattern(pattern) => pattern,
                    Expanded::NoValue => return Some(false),
                    Expanded::Unknown => return None,
                };
                Some(match self {
                    Self::StringEquals => pattern.equals(value),
                    Self::StringEqualsIgnoreCase => pattern.equals_in_any_case(value),
                    Self::StringLike => pattern.like(value),
                    _ => pattern.arn_like(value),
                })
            }
            // Variables do not go with the others; AWS would compare what is no number, time or address.
            _ => self.compares(&wanted.text()?, value),
        }
    }

    fn compares(self, wanted: &str, value: &str) -> Option<bool> {
        match self {
            Self::Bool => Some(truth(wanted)? == truth(value)?),
            Self::Binary => Some(wanted == value),
            Self::IpAddress => in_range(wanted, value),
            Self::Numeric(order) => {
                let (wanted, value) = (wanted.parse::<f64>().ok()?, value.parse::<f64>().ok()?);
                value.partial_cmp(&wanted).map(|found| order.allows(found))
            }
            Self::Date(order) => Some(order.allows(instant(value)?.cmp(&instant(wanted)?))),
            _ => None,
        }
    }
}

impl Order {
    fn allows(self, found: Ordering) -> bool {
        match self {
            Self::Equals => found.is_eq(),
            Self::Less => found.is_lt(),
            Self::LessOrEqual => found.is_le(),
            Self::Greater => found.is_gt(),
            Self::GreaterOrEqual => found.is_ge(),
        }
    }
}

/// `true` or `false`, in any case of letters.
pub(super) fn truth(text: &str) -> Option<bool> {
    [true, false].into_iter().find(|b| text.eq_ignore_ascii_case(if *b { "true" } else { "false" }))
}

/// ISO 8601 or seconds since 1970.
fn instant(text: &str) -> Option<Timestamp> {
    if let Ok(seconds) = text.parse::<i64>() {
        return Timestamp::from_second(seconds).ok();
    }
    text.parse().ok().or_else(|| format!("{text}T00:00:00Z").parse().ok())
}

/// Whether an address is in a range (`203.0.113.0/24`), or is the one address.
fn in_range(range: &str, address: &str) -> Option<bool> {
    let (network, length) = match range.split_once('/') {
        Some((network, length)) => (network, Some(length.parse::<u32>().ok()?)),
        None => (range, None),
    };
    let (network, address) = (network.parse::<IpAddr>().ok()?, address.parse::<IpAddr>().ok()?);
    let (network, found, bits) = match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(found)) => (u128::from(network.to_bits()), u128::from(found.to_bits()), 32),
        (IpAddr::V6(network), IpAddr::V6(found)) => (network.to_bits(), found.to_bits(), 128),
        _ => return Some(false),
    };
    let host = bits - length.filter(|l| *l <= bits).or(if length.is_none() { Some(bits) } else { None })?;
    Some(host == 128 || network >> host == found >> host)
}
