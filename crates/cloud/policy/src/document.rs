//! The grammar of policy documents, with AWS's words for what breaks it.

use serde_json::{Map, Value};

use super::condition::Condition;
use super::malformed::{PolicyError, malformed, texts};
use super::principal::Principals;
use super::template::Template;

/// What a document is for; the grammar differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Who may assume a role.
    Trust,
    /// What an identity may do.
    Identity,
}

/// `Allow` or `Deny`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Allows what it matches.
    Allow,
    /// Forbids what it matches, whatever else allows it.
    Deny,
}

/// A policy document.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// Its statements.
    pub statements: Vec<Statement>,
}

/// One statement.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// Its id.
    pub sid: Option<String>,
    /// Allow or deny.
    pub effect: Effect,
    /// Whom it is about (trust policies).
    pub principals: Option<Principals>,
    /// Action patterns.
    pub actions: Vec<String>,
    /// Whether the actions are those that it is *not* about.
    pub not_action: bool,
    /// Resource patterns (identity policies).
    pub resources: Vec<Template>,
    /// Whether the resources are those that it is *not* about.
    pub not_resource: bool,
    /// All must hold.
    pub conditions: Vec<Condition>,
}

const FIELDS: [&str; 9] =
    ["Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"];

impl Document {
    /// Reads a document.
    ///
    /// # Errors
    /// What breaks the grammar, in AWS's words where those are known.
    pub fn parse(text: &str, kind: Kind) -> Result<Self, PolicyError> {
        let Ok(Value::Object(top)) = serde_json::from_str::<Value>(text) else {
            return malformed(match kind {
                Kind::Trust => "This policy contains invalid Json",
                Kind::Identity => "Syntax errors in policy.",
            });
        };
        // Before 2012-10-17 there were no variables: `${aws:username}` is that text.
        let variables = match top.get("Version").map(Value::as_str) {
            None | Some(Some("2008-10-17")) => false,
            Some(Some("2012-10-17")) => true,
            Some(_) => return malformed("Policy document must be version 2012-10-17 or greater."),
        };
        if let Some(unknown) = top.keys().find(|k| !["Version", "Id", "Statement"].contains(&k.as_str())) {
            return malformed(format!("Syntax errors in policy. The field {unknown} is not known."));
        }
        let statements = match top.get("Statement") {
            Some(Value::Array(items)) if !items.is_empty() => {
                items.iter().map(|s| statement(s, kind, variables)).collect()
            }
            Some(one @ Value::Object(_)) => statement(one, kind, variables).map(|s| vec![s]),
            Some(_) => malformed("Syntax errors in policy."),
            None => malformed("Missing required field Statement"),
        }?;
        let mut sids: Vec<&str> = statements.iter().filter_map(|s| s.sid.as_deref()).collect();
        sids.sort_unstable();
        if sids.windows(2).any(|pair| pair[0] == pair[1]) {
            return malformed("Statement IDs (SID) in a single policy must be unique.");
        }
        Ok(Self { statements })
    }
}

fn statement(value: &Value, kind: Kind, variables: bool) -> Result<Statement, PolicyError> {
    let Value::Object(map) = value else { return malformed("Syntax errors in policy.") };
    if let Some(unknown) = map.keys().find(|k| !FIELDS.contains(&k.as_str())) {
        return malformed(format!("Syntax errors in policy. The field {unknown} is not known."));
    }
    let effect = match map.get("Effect").map(Value::as_str) {
        Some(Some("Allow")) => Effect::Allow,
        Some(Some("Deny")) => Effect::Deny,
        Some(other) => return malformed(format!("Invalid effect: {}", other.unwrap_or("not a text"))),
        None => return malformed("Missing required field Effect"),
    };
    let sid = match map.get("Sid") {
        None => None,
        Some(Value::String(text)) if text.chars().all(|c| c.is_ascii_alphanumeric()) || kind == Kind::Trust => {
            Some(text.clone())
        }
        Some(_) => return malformed("Statement IDs (SID) must be alpha-numeric."),
    };
    let (actions, not_action) = either(map, "Action", "NotAction")?;
    let (named, not_resource) = either(map, "Resource", "NotResource")?;
    let resources = named.iter().map(|text| Template::parse(text, variables)).collect::<Result<Vec<_>, _>>()?;
    let principals = Principals::of(map)?;
    match kind {
        Kind::Trust => {
            if map.contains_key("Resource") || map.contains_key("NotResource") {
                return malformed("Has prohibited field Resource");
            }
            if principals.is_none() {
                return malformed("Missing required field Principal");
            }
            if actions.is_empty() {
                return malformed("Missing required field Action");
            }
            if actions.iter().any(|a| a != "*" && !a.to_ascii_lowercase().starts_with("sts:")) {
                return malformed("AssumeRole policy may only specify STS AssumeRole actions.");
            }
        }
        Kind::Identity => {
            if principals.is_some() {
                return malformed("Policy document should not specify a principal.");
            }
            if actions.is_empty() {
                return malformed("Policy statement must contain actions.");
            }
            if resources.is_empty() {
                return malformed("Policy statement must contain resources.");
            }
            if let Some(bad) = actions.iter().find(|a| *a != "*" && !a.contains(':')) {
                return malformed(format!(
                    "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc. ({bad})"
                ));
            }
            let good = |r: &Template| r.starts_with("arn:") || r.text().as_deref() == Some("*");
            if let Some((bad, _)) = named.iter().zip(&resources).find(|(_, r)| !good(r)) {
                return malformed(format!("Resource {bad} must be in ARN format or \"*\"."));
            }
        }
    }
    let conditions = Condition::all_of(map.get("Condition"), variables)?;
    Ok(Statement { sid, effect, principals, actions, not_action, resources, not_resource, conditions })
}

/// The texts of a field or of its negated twin, and which it was.
fn either(map: &Map<String, Value>, plain: &str, negated: &str) -> Result<(Vec<String>, bool), PolicyError> {
    match (map.get(plain), map.get(negated)) {
        (Some(_), Some(_)) => malformed(format!("Syntax errors in policy. {plain} and {negated} exclude each other.")),
        (Some(value), None) => Ok((texts(value)?, false)),
        (None, Some(value)) => Ok((texts(value)?, true)),
        (None, None) => Ok((Vec::new(), false)),
    }
}
