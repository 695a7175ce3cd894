//! The policy of a form: until when it is good, and what the fields have to be.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use s3s::{S3Error, S3ErrorCode, S3Result};
use serde_json::Value;

use super::fields::Form;

/// What a form may say.
#[derive(Debug)]
pub(crate) struct Policy {
    expiration: jiff::Timestamp,
    conditions: Vec<Condition>,
}

/// One condition. Names are in small letters.
#[derive(Debug)]
enum Condition {
    Equals(String, String),
    StartsWith(String, String),
    Length(u64, u64),
}

impl fmt::Display for Condition {
    /// As AWS repeats a condition that failed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Equals(field, value) => write!(f, "[\"eq\", \"${field}\", \"{value}\"]"),
            Self::StartsWith(field, prefix) => write!(f, "[\"starts-with\", \"${field}\", \"{prefix}\"]"),
            Self::Length(min, max) => write!(f, "[\"content-length-range\", {min}, {max}]"),
        }
    }
}

impl Policy {
    /// Reads a policy as a form carries it.
    pub(crate) fn read(encoded: &str) -> S3Result<Self> {
        let document = BASE64.decode(encoded).map_err(|_| invalid("Invalid Base64."))?;
        let document: Value = serde_json::from_slice(&document).map_err(|_| invalid("Invalid JSON."))?;
        let expiration = document.get("expiration").ok_or_else(|| invalid("Policy missing expiration."))?;
        let expiration = expiration
            .as_str()
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| invalid(format!("Invalid 'expiration' value: {expiration}")))?;
        let conditions = document.get("conditions").ok_or_else(|| invalid("Policy missing conditions."))?;
        let conditions = conditions.as_array().ok_or_else(|| invalid("Invalid 'conditions' value: must be a List."))?;
        let mut read = Vec::new();
        for condition in conditions {
            read_condition(condition, &mut read).ok_or_else(|| invalid(format!("Invalid Condition: {condition}")))?;
        }
        Ok(Self { expiration, conditions: read })
    }

    /// Refuses a form that the policy does not allow.
    pub(crate) fn check(&self, form: &Form, bucket: &str, now: jiff::Timestamp) -> S3Result<()> {
        if now >= self.expiration {
            return Err(denied("Policy expired."));
        }
        let value = |field: &str| if field == "bucket" { bucket } else { form.get(field).unwrap_or_default() };
        for condition in &self.conditions {
            let holds = match condition {
                Condition::Equals(field, wanted) => value(field) == wanted,
                Condition::StartsWith(field, prefix) => value(field).starts_with(prefix),
                // Seen while the file comes.
                Condition::Length(..) => true,
            };
            if !holds {
                return Err(denied(format!("Policy Condition failed: {condition}")));
            }
        }
        let named = |name: &str| {
            self.conditions.iter().any(|condition| match condition {
                Condition::Equals(field, _) | Condition::StartsWith(field, _) => field == name,
                Condition::Length(..) => false,
            })
        };
        let free = |name: &str| {
            matches!(name, "policy" | "signature" | "awsaccesskeyid" | "x-amz-signature")
                || name.starts_with("x-ignore-")
        };
        match form.iter().map(|(name, _)| name).find(|name| !free(name) && !named(name)) {
            Some(extra) => Err(denied(format!("Extra input fields: {extra}"))),
            None => Ok(()),
        }
    }

    /// The sizes that the file may have.
    pub(crate) fn length(&self) -> Option<(u64, u64)> {
        self.conditions.iter().find_map(|condition| match condition {
            Condition::Length(min, max) => Some((*min, *max)),
            _ => None,
        })
    }
}

fn invalid(what: impl fmt::Display) -> S3Error {
    S3Error::with_message(S3ErrorCode::InvalidPolicyDocument, format!("Invalid Policy: {what}"))
}

fn denied(why: impl fmt::Display) -> S3Error {
    S3Error::with_message(S3ErrorCode::AccessDenied, format!("Invalid according to Policy: {why}"))
}

/// Adds what a condition of the document says; `None` when it is not one.
fn read_condition(condition: &Value, conditions: &mut Vec<Condition>) -> Option<()> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let name = |value: &Value| Some(value.as_str()?.strip_prefix('$').unwrap_or(value.as_str()?).to_ascii_lowercase());
    // Sizes may be given as text.
    let size = |value: &Value| value.as_u64().or_else(|| value.as_str()?.trim().parse().ok());
    if let Some(fields) = condition.as_object() {
        for (field, value) in fields {
            conditions.push(Condition::Equals(field.to_ascii_lowercase(), text(value)?));
        }
        return Some(());
    }
    let [operator, first, second] = condition.as_array()?.as_slice() else { return None };
    conditions.push(match operator.as_str()?.to_ascii_lowercase().as_str() {
        "eq" => Condition::Equals(name(first)?, text(second)?),
        "starts-with" => Condition::StartsWith(name(first)?, text(second)?),
        "content-length-range" => Condition::Length(size(first)?, size(second)?),
        _ => return None,
    });
    Some(())
}
