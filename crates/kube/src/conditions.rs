//! The order of conditions, and those that the engine does not know.

use jiff::Timestamp;
use sagewright_decide::conditions::{
    ADVISORY, READY, RECOVERABLE, REFERENCES_RESOLVED, SYNCED, TERMINAL, merge, read, write,
};
use sagewright_decide::{Condition, ConditionStatus};
use serde_json::Value;

/// Which role was chosen by an `IAMRoleSelector`.
pub(crate) const ROLE_SELECTED: &str = "ACK.IAMRoleSelected";

/// Argo CD's health rule for `*.services.k8s.aws` reads them in order and takes the first that says something: what is terminal
/// comes before what is ready.
const ORDER: &[&str] = &[TERMINAL, RECOVERABLE, REFERENCES_RESOLVED, ADVISORY, SYNCED];

/// Puts the conditions of a status in order: `Ready` is the last.
pub(crate) fn arrange(status: &mut Value) {
    let mut all = read(status);
    if all.is_empty() {
        return;
    }
    let place = |kind: &str| match ORDER.iter().position(|known| *known == kind) {
        Some(place) => place,
        None if kind == READY => ORDER.len() + 1,
        None => ORDER.len(),
    };
    all.sort_by_key(|condition| place(&condition.kind));
    write(status, &all);
}

/// The conditions of an object that cannot be reconciled as it is declared.
pub(crate) fn terminal(status: &Value, reason: &str, message: &str, now: Timestamp) -> Vec<Condition> {
    not_ready(status, TERMINAL, reason, message, now)
}

/// The conditions of an object that cannot be reconciled for now.
pub(crate) fn recoverable(status: &Value, reason: &str, message: &str, now: Timestamp) -> Vec<Condition> {
    not_ready(status, RECOVERABLE, reason, message, now)
}

fn not_ready(status: &Value, kind: &str, reason: &str, message: &str, now: Timestamp) -> Vec<Condition> {
    let of = |kind: &str, status: ConditionStatus| Condition::new(kind, status, reason, message);
    let all =
        vec![of(kind, ConditionStatus::True), of(SYNCED, ConditionStatus::False), of(READY, ConditionStatus::False)];
    merge(&read(status), all, now)
}

/// Adds a condition that holds, of a type and with a reason.
pub(crate) fn add(status: &mut Value, before: &Value, (kind, reason): (&str, &str), message: &str, now: Timestamp) {
    let mut all = read(status);
    let new = Condition::new(kind, ConditionStatus::True, reason, message);
    all.extend(merge(&read(before), vec![new], now));
    write(status, &all);
}

/// A condition of a status.
pub(crate) fn find(status: &Value, kind: &str) -> Option<Condition> {
    read(status).into_iter().find(|condition| condition.kind == kind)
}

/// Whether a condition of a status holds.
pub(crate) fn holds(status: &Value, kind: &str) -> bool {
    find(status, kind).is_some_and(|condition| condition.status == ConditionStatus::True)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_terminal_is_read_before_what_is_ready() {
        let of = |kinds: &[&str]| json!({"conditions": kinds.iter().map(|k| json!({"type": k, "status": "True"})).collect::<Vec<_>>()});
        let mut status = of(&[READY, ROLE_SELECTED, SYNCED, "ACK.Adopted", TERMINAL]);
        arrange(&mut status);
        assert_eq!(status, of(&[TERMINAL, SYNCED, ROLE_SELECTED, "ACK.Adopted", READY]));
        let mut none = json!({"x": 1});
        arrange(&mut none);
        assert_eq!(none, json!({"x": 1}));
    }
}
