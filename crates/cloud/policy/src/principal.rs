//! Principals: whom a statement is about, and who asks.

use serde_json::{Map, Value};

use super::malformed::{PolicyError, malformed, texts};
use super::pattern::wildcard;

/// The principals of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principals {
    /// `NotPrincipal`: everyone but these.
    pub negated: bool,
    /// Account ids, ARNs or `*`.
    pub aws: Vec<String>,
    /// Service names.
    pub services: Vec<String>,
    /// Identity providers.
    pub federated: Vec<String>,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asker<'a> {
    /// A user or a role's session.
    Aws {
        /// Its account.
        account: &'a str,
        /// ARN of the user or of the session.
        arn: &'a str,
        /// ARN of the role, of a session.
        role: Option<&'a str>,
    },
    /// An AWS service, for example `sagemaker.amazonaws.com`.
    Service(&'a str),
}

impl Principals {
    pub(super) fn of(map: &Map<String, Value>) -> Result<Option<Self>, PolicyError> {
        let (value, negated) = match (map.get("Principal"), map.get("NotPrincipal")) {
            (None, None) => return Ok(None),
            (Some(value), None) => (value, false),
            (None, Some(value)) => (value, true),
            (Some(_), Some(_)) => {
                return malformed("Syntax errors in policy. Principal and NotPrincipal exclude each other.");
            }
        };
        let mut out = Self { negated, aws: Vec::new(), services: Vec::new(), federated: Vec::new() };
        match value {
            Value::String(text) if text == "*" => out.aws.push("*".to_owned()),
            Value::Object(kinds) if !kinds.is_empty() => {
                for (kind, names) in kinds {
                    let names = texts(names)?;
                    let good: fn(&str) -> bool = match kind.as_str() {
                        "AWS" => aws_principal,
                        "Service" => service_principal,
                        "Federated" => |name| !name.is_empty(),
                        _ => return malformed(format!("Invalid principal in policy: \"{}\"", kind.to_uppercase())),
                    };
                    if let Some(bad) = names.iter().find(|n| !good(n)) {
                        return malformed(format!(
                            "Invalid principal in policy: \"{}\":\"{bad}\"",
                            kind.to_uppercase()
                        ));
                    }
                    match kind.as_str() {
                        "AWS" => out.aws = names,
                        "Service" => out.services = names,
                        _ => out.federated = names,
                    }
                }
            }
            _ => return malformed("Invalid principal in policy."),
        }
        Ok(Some(out))
    }

    /// Whether the statement is about this asker.
    #[must_use]
    pub fn include(&self, asker: &Asker<'_>) -> bool {
        let named = match asker {
            Asker::Service(name) => self.services.iter().any(|s| s == name) || self.aws.iter().any(|p| p == "*"),
            Asker::Aws { account, arn, role } => self.aws.iter().any(|principal| {
                principal == "*"
                    || principal == account
                    || principal == arn
                    || role.is_some_and(|role| principal == role)
                    || root_account(principal) == Some(account)
            }),
        };
        named != self.negated
    }
}

/// `123456789012` of `arn:aws:iam::123456789012:root`.
fn root_account(principal: &str) -> Option<&str> {
    let rest = principal.strip_prefix("arn:")?.split_once(":iam::")?.1;
    rest.strip_suffix(":root")
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

fn aws_principal(text: &str) -> bool {
    if text == "*" || is_account(text) {
        return true;
    }
    // A wildcard in a part of an ARN is refused by AWS too.
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    matches!(parts.as_slice(), ["arn", _, "iam" | "sts", "", account, resource]
        if is_account(account) && !text.contains('*') && (*resource == "root" || resource.contains('/')))
}

fn service_principal(text: &str) -> bool {
    wildcard("?*.amazonaws.com", text) || wildcard("?*.amazonaws.com.cn", text)
}
