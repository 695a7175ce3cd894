//! Values of policies with variables: `${aws:username}`, `${aws:PrincipalTag/team, 'none'}`, `${*}`.

use super::context::{Context, Found};
use super::malformed::{PolicyError, malformed};
use super::pattern::Pattern;

/// A value of a policy, variables not yet replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    /// As it stands; wildcards mean something.
    Written(String),
    /// `${*}`, `${?}`, `${$}`: the character and nothing more.
    Escaped(char),
    Variable {
        key: String,
        default: Option<String>,
    },
}

/// A value for one request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Expanded {
    Pattern(Pattern),
    /// A variable has no value in this request: AWS takes the whole for null, which nothing equals and nothing is like.
    NoValue,
    /// It cannot be told here what AWS would put in.
    Unknown,
}

impl Template {
    /// Reads a value. Policies before version 2012-10-17 have no variables.
    pub(super) fn parse(text: &str, variables: bool) -> Result<Self, PolicyError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, inner)) = rest.split_once("${").filter(|_| variables) {
            if !before.is_empty() {
                parts.push(Part::Written(before.to_owned()));
            }
            let (part, after) = variable(inner)?;
            parts.push(part);
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Written(rest.to_owned()));
        }
        Ok(Self(parts))
    }

    pub(super) fn expand(&self, context: &Context) -> Expanded {
        let mut out = Pattern::default();
        let mut missing = false;
        for part in &self.0 {
            match part {
                Part::Written(text) => out.push(text, true),
                Part::Escaped(character) => out.push(character.encode_utf8(&mut [0; 4]), false),
                Part::Variable { key, default } => match (context.find(key), default) {
                    (Found::Values([value]), _) => out.push(value, false),
                    (Found::Absent, Some(default)) => out.push(default, false),
                    (Found::Absent, None) => missing = true,
                    // A key with several values is none that a variable may name.
                    (Found::Unknown | Found::Values(_), _) => return Expanded::Unknown,
                },
            }
        }
        if missing { Expanded::NoValue } else { Expanded::Pattern(out) }
    }

    /// The text, for operators that take no variables; `None` where there is one.
    pub(super) fn text(&self) -> Option<String> {
        let mut out = String::new();
        for part in &self.0 {
            match part {
                Part::Written(text) => out.push_str(text),
                Part::Escaped(character) => out.push(*character),
                Part::Variable { .. } => return None,
            }
        }
        Some(out)
    }

    /// Whether it starts so, as far as it is written out.
    pub(super) fn starts_with(&self, start: &str) -> bool {
        matches!(self.0.first(), Some(Part::Written(text)) if text.starts_with(start))
    }

    /// Keys that its variables name.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Variable { key, .. } => Some(key.as_str()),
            Part::Written(_) | Part::Escaped(_) => None,
        })
    }
}

/// What stands after `${`, and the text after its `}`.
fn variable(inner: &str) -> Result<(Part, &str), PolicyError> {
    let broken = || malformed("Syntax errors in policy. A policy variable is not ${key} or ${key, 'default'}.");
    for special in ['*', '?', '$'] {
        if let Some(after) = inner.strip_prefix(special).and_then(|rest| rest.strip_prefix('}')) {
            return Ok((Part::Escaped(special), after));
        }
    }
    let Some(end) = inner.find([',', '}']) else { return broken() };
    let key = inner[..end].trim();
    // The characters of condition keys and of tags' keys.
    let fits = |c: char| c.is_alphanumeric() || " +-=._:/@".contains(c);
    if key.is_empty() || !key.chars().all(fits) {
        return broken();
    }
    let key = key.to_owned();
    if let Some(after) = inner[end..].strip_prefix('}') {
        return Ok((Part::Variable { key, default: None }, after));
    }
    let Some(quoted) = inner[end + 1..].trim_start().strip_prefix('\'') else { return broken() };
    let Some((default, after)) = quoted.split_once('\'') else { return broken() };
    let Some(after) = after.trim_start().strip_prefix('}') else { return broken() };
    Ok((Part::Variable { key, default: Some(default.to_owned()) }, after))
}
