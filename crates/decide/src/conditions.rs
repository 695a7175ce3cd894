//! ACK's conditions. Unlike ACK's, their times change only when they do.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::Failure;

/// The resource is as declared and works.
pub const READY: &str = "Ready";
/// What AWS has is what is declared, and nothing is in flight.
pub const SYNCED: &str = "ACK.ResourceSynced";
/// Nothing will be done until the declaration changes.
pub const TERMINAL: &str = "ACK.Terminal";
/// A failure that is tried again.
pub const RECOVERABLE: &str = "ACK.Recoverable";
/// A note for the user.
pub const ADVISORY: &str = "ACK.Advisory";
/// Fields that the service fills are known.
pub const LATE_INITIALIZED: &str = "ACK.LateInitialized";
/// Every reference has a value.
pub const REFERENCES_RESOLVED: &str = "ACK.ReferencesResolved";
/// The resource was there before and was taken over.
pub const ADOPTED: &str = "ACK.Adopted";

/// Whether a condition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConditionStatus {
    /// It holds.
    True,
    /// It does not.
    False,
    /// Not known yet.
    Unknown,
}

impl fmt::Display for ConditionStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        })
    }
}

/// One condition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether it holds.
    pub status: ConditionStatus,
    /// Why, in one word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Why, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// When its status last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_transition_time: Option<Timestamp>,
}

impl Condition {
    /// A condition that changed just now.
    #[must_use]
    pub fn new(kind: &str, status: ConditionStatus, reason: &str, message: &str) -> Self {
        let text = |s: &str| (!s.is_empty()).then(|| s.to_owned());
        Self { kind: kind.to_owned(), status, reason: text(reason), message: text(message), last_transition_time: None }
    }
}

/// The conditions of a status document.
#[must_use]
pub fn read(status: &Value) -> Vec<Condition> {
    status.get("conditions").and_then(|c| serde_json::from_value(c.clone()).ok()).unwrap_or_default()
}

/// New conditions in the place of old ones: times are kept where the status is the same. They have whole seconds, as
/// Kubernetes' times do.
#[must_use]
pub fn merge(old: &[Condition], new: Vec<Condition>, now: Timestamp) -> Vec<Condition> {
    let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
    new.into_iter()
        .map(|mut condition| {
            let before = old.iter().find(|c| c.kind == condition.kind && c.status == condition.status);
            condition.last_transition_time = before.and_then(|c| c.last_transition_time).or(Some(now));
            condition
        })
        .collect()
}

/// The conditions of an object for which a call failed.
#[must_use]
pub fn of_failure(old: &[Condition], failure: &Failure, now: Timestamp) -> Vec<Condition> {
    let (kind, reason) = match failure {
        Failure::Permanent(_) => (TERMINAL, "Failed"),
        Failure::Retryable(_) => (RECOVERABLE, "Retrying"),
    };
    let message = failure.to_string();
    let of = |kind: &str, status: ConditionStatus| Condition::new(kind, status, reason, &message);
    let all = [(READY, ConditionStatus::False), (kind, ConditionStatus::True), (SYNCED, ConditionStatus::False)];
    merge(old, all.into_iter().map(|(kind, status)| of(kind, status)).collect(), now)
}

/// The conditions of an object whose references cannot be resolved, for good or for now.
#[must_use]
pub fn of_unresolved(old: &[Condition], failure: &Failure, now: Timestamp) -> Vec<Condition> {
    let status = match failure {
        Failure::Permanent(_) => ConditionStatus::False,
        Failure::Retryable(_) => ConditionStatus::Unknown,
    };
    let references = Condition::new(REFERENCES_RESOLVED, status, "Unresolved", &failure.to_string());
    let mut all = of_failure(old, failure, now);
    all.extend(merge(old, vec![references], now));
    all
}

/// Puts conditions into a status document.
pub fn write(status: &mut Value, conditions: &[Condition]) {
    if !status.is_object() {
        *status = Value::Object(serde_json::Map::new());
    }
    if let (Some(map), Ok(list)) = (status.as_object_mut(), serde_json::to_value(conditions)) {
        map.insert("conditions".to_owned(), list);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Permanent, Retryable};

    #[test]
    fn a_condition_keeps_its_time_until_its_status_changes() {
        let (t0, t1): (Timestamp, Timestamp) =
            ("2026-01-01T00:00:00Z".parse().unwrap(), "2026-01-02T00:00:00Z".parse().unwrap());
        let first = merge(&[], vec![Condition::new(READY, ConditionStatus::False, "", "at work")], t0);
        let same = merge(&first, vec![Condition::new(READY, ConditionStatus::False, "", "still at work")], t1);
        assert_eq!(same[0].last_transition_time, Some(t0));
        assert_eq!(same[0].message.as_deref(), Some("still at work"));
        let other = merge(&same, vec![Condition::new(READY, ConditionStatus::True, "", "")], t1);
        assert_eq!(other[0].last_transition_time, Some(t1));
        let mut status = Value::Null;
        write(&mut status, &other);
        assert_eq!(read(&status), other);
    }

    #[test]
    fn a_failure_says_in_its_conditions_whether_it_is_tried_again() {
        let (what, why) = ("create the model `m`".to_owned(), "no".to_owned());
        let passing = Retryable { what: what.clone(), why: why.clone(), after: None, cause: None };
        for (failure, kind, reason, resolved) in [
            (Failure::Permanent(Permanent::new(what, why, "")), TERMINAL, "Failed", "False"),
            (Failure::Retryable(passing), RECOVERABLE, "Retrying", "Unknown"),
        ] {
            let shown = |all: Vec<Condition>| {
                let all = all.iter().map(|c| format!("{}={}({})", c.kind, c.status, c.reason.as_deref().unwrap_or("")));
                all.collect::<Vec<_>>().join(" ")
            };
            let expected = format!("{READY}=False({reason}) {kind}=True({reason}) {SYNCED}=False({reason})");
            assert_eq!(shown(of_failure(&[], &failure, Timestamp::UNIX_EPOCH)), expected);
            let unresolved = format!("{expected} {REFERENCES_RESOLVED}={resolved}(Unresolved)");
            assert_eq!(shown(of_unresolved(&[], &failure, Timestamp::UNIX_EPOCH)), unresolved);
        }
    }
}
