//! Conditions: operators over the keys of a request.
//!
//! A condition holds, does not hold, or cannot be judged (`None`): what it asks about is not known here.

use serde_json::Value;

use super::context::{Context, Found};
use super::malformed::{PolicyError, malformed, texts};
use super::operator::{Operator, truth};
use super::template::Template;

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
    pub values: Vec<Template>,
}

impl Condition {
    /// All conditions of a statement's `Condition` block.
    pub(super) fn all_of(value: Option<&Value>, variables: bool) -> Result<Vec<Self>, PolicyError> {
        let Some(value) = value else { return Ok(Vec::new()) };
        let Value::Object(operators) = value else { return malformed("Syntax errors in policy.") };
        let mut out = Vec::new();
        for (name, keys) in operators {
            let Value::Object(keys) = keys else { return malformed("Syntax errors in policy.") };
            let Some((operator, negated, if_exists, quantifier)) = read_operator(name) else {
                return malformed(format!("Invalid Condition type : {name}."));
            };
            for (key, values) in keys {
                let values = texts(values)?;
                let values = values.iter().map(|text| Template::parse(text, variables)).collect::<Result<_, _>>()?;
                out.push(Self { operator, negated, if_exists, quantifier, key: key.clone(), values });
            }
        }
        Ok(out)
    }

    /// Whether it holds for a request; `None` where that cannot be told.
    #[must_use]
    pub fn holds(&self, context: &Context) -> Option<bool> {
        let found = match context.find(&self.key) {
            Found::Values(values) => Some(values),
            Found::Absent => None,
            Found::Unknown => return None,
        };
        if self.operator == Operator::Null {
            return any(self.values.iter().map(|v| Some(truth(&v.text()?)? == found.is_none())));
        }
        let Some(found) = found else {
            // AWS: a missing key fulfils negated operators, `IfExists` and `ForAllValues`, and never `ForAnyValue`.
            return Some(match self.quantifier {
                Quantifier::All => true,
                Quantifier::Any => false,
                Quantifier::One => self.if_exists || self.negated,
            });
        };
        let one = |value: &String| {
            let matches = any(self.values.iter().map(|wanted| self.operator.matches(wanted, value, context)));
            matches.map(|matches| matches != self.negated)
        };
        match self.quantifier {
            Quantifier::All => all(found.iter().map(one)),
            // A negated operator over several plain values holds only where none matches.
            Quantifier::One if self.negated => all(found.iter().map(one)),
            Quantifier::Any | Quantifier::One => any(found.iter().map(one)),
        }
    }

    /// The keys that it asks about, its variables' included.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.key.as_str()).chain(self.values.iter().flat_map(Template::keys))
    }
}

/// Whether one of them holds.
pub(super) fn any(facts: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    all(facts.map(|fact| fact.map(|holds| !holds))).map(|none| !none)
}

/// Whether all of them hold: one that does not is enough to tell, whatever is unknown beside it.
pub(super) fn all(facts: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut out = Some(true);
    for fact in facts {
        match fact {
            Some(false) => return Some(false),
            Some(true) => {}
            None => out = None,
        }
    }
    out
}

fn read_operator(name: &str) -> Option<(Operator, bool, bool, Quantifier)> {
    let (quantifier, rest) = match name.split_once(':') {
        Some(("ForAllValues", rest)) => (Quantifier::All, rest),
        Some(("ForAnyValue", rest)) => (Quantifier::Any, rest),
        Some(_) => return None,
        None => (Quantifier::One, name),
    };
    let (rest, if_exists) = rest.strip_suffix("IfExists").map_or((rest, false), |rest| (rest, true));
    let (operator, negated) = Operator::named(rest)?;
    let fits = operator != Operator::Null || (!if_exists && quantifier == Quantifier::One);
    fits.then_some((operator, negated, if_exists, quantifier))
}
