//! The status of an object: conditions, and when to look again.

use std::time::Duration;

use jiff::Timestamp;
use sagewright_kinds::{Kind, Phase};
use sagewright_objects::keys;

use super::decision::{Action, Decision, RefusalKind, WAIT};
use super::desired::Desired;
use super::intent::Adoption;
use crate::conditions::{self, Condition, ConditionStatus as S};
use crate::observed::{Found, Observed, Ownership};

/// ACK's pause between looks at a settled resource.
const SETTLED: u64 = 36_000;

/// The conditions of a resource, in ACK's order.
pub fn conditions(
    kind: &Kind,
    desired: &Desired,
    observed: &Observed,
    decision: &Decision,
    now: Timestamp,
) -> Vec<Condition> {
    let mut out = Vec::new();
    let (ready, synced) = ready_and_synced(kind, observed, decision);
    let pending: Vec<&str> = desired.pending.iter().map(|p| p.on.as_str()).collect();
    if !pending.is_empty() {
        let message = format!("waiting for {}", pending.join(", "));
        out.push(Condition::new(conditions::REFERENCES_RESOLVED, S::Unknown, "Pending", &message));
    } else if desired.has_refs {
        out.push(Condition::new(conditions::REFERENCES_RESOLVED, S::True, "", ""));
    }
    if let Observed::Found(found) = observed
        && desired.adoption != Adoption::No
        && decision.refusal().is_none()
        && decision.action() != Action::Adopt
        && matches!(&found.owner, Ownership::Marked(mark) if desired.owner().is(mark))
    {
        out.push(Condition::new(conditions::ADOPTED, S::True, "", ""));
    }
    if let Some(terminal) = terminal(kind, observed, decision) {
        out.push(terminal);
    }
    if !decision.notes.is_empty() {
        out.push(Condition::new(conditions::ADVISORY, S::True, "", &decision.notes.join("; ")));
    }
    out.push(synced);
    out.insert(0, ready);
    conditions::merge(&conditions::read(&desired.object.status), out, now)
}

fn terminal(kind: &Kind, observed: &Observed, decision: &Decision) -> Option<Condition> {
    if let Some(refusal) = decision.refusal() {
        let message = refusal.to_string();
        return Some(Condition::new(conditions::TERMINAL, S::True, condition_reason(refusal.kind), &message));
    }
    match observed {
        Observed::Found(found) if found.phase == Phase::Failed && !decision.writes() => {
            let reason = found.reason.as_deref().unwrap_or("AWS gives no reason");
            let message = format!("{} status reached terminal state: {}. {reason}", kind.name(), found.word);
            Some(Condition::new(conditions::TERMINAL, S::True, "Failed", &message))
        }
        _ => None,
    }
}

fn condition_reason(kind: RefusalKind) -> &'static str {
    match kind {
        RefusalKind::Immutable => "ImmutableField",
        RefusalKind::NameChanged => "NameChanged",
        RefusalKind::Several => "SeveralResources",
        RefusalKind::NotOwned => "NotManaged",
        RefusalKind::OwnedByOther => "ManagedByOther",
        RefusalKind::Failed => "Failed",
        RefusalKind::Absent => "NotFound",
        RefusalKind::ServesOther => "ServesOther",
        RefusalKind::InUse => "InUse",
        RefusalKind::ReadOnly => "ReadOnly",
        RefusalKind::Unsupported => "Unsupported",
        RefusalKind::PlanChanged => "PlanChanged",
    }
}

fn ready_and_synced(kind: &Kind, observed: &Observed, decision: &Decision) -> (Condition, Condition) {
    let both = |ready: S, synced: S, reason: &str, message: &str| {
        (
            Condition::new(conditions::READY, ready, reason, message),
            Condition::new(conditions::SYNCED, synced, reason, message),
        )
    };
    if let Some(refusal) = decision.refusal() {
        return both(S::False, S::False, condition_reason(refusal.kind), &refusal.reason);
    }
    if let Some((reason, _)) = decision.first_wait() {
        return both(S::False, S::False, "Progressing", &format!("{reason}."));
    }
    if decision.writes() {
        return both(S::False, S::False, "OutOfSync", "the resource is being made as declared");
    }
    match observed {
        Observed::Missing { .. } => both(S::False, S::True, "Gone", ""),
        Observed::Found(found) => {
            let message = match (&found.reason, found.word.as_str()) {
                (_, "") => String::new(),
                (Some(reason), word) if found.phase == Phase::Failed => {
                    format!("{} is in {word} status: {reason}", kind.name())
                }
                (_, word) => format!("{} is in {word} status.", kind.name()),
            };
            match found.phase {
                Phase::Settled => both(S::True, S::True, "", ""),
                Phase::Stopped => both(S::False, S::True, "Stopped", &message),
                Phase::Failed => both(S::False, S::True, "Failed", &message),
                _ => both(S::False, S::False, "Progressing", &message),
            }
        }
    }
}

/// The pause between looks at a resource of a kind that is at work.
pub fn progressing(kind: &Kind) -> Duration {
    kind.row().resync.progressing.map_or(WAIT, |seconds| Duration::from_secs(seconds.into()))
}

/// When to look at the resource again.
pub fn requeue(kind: &Kind, observed: &Observed, decision: &Decision) -> Option<Duration> {
    let resync = kind.row().resync;
    let settled = Duration::from_secs(resync.settled.map_or(SETTLED, u64::from));
    if let Some(refusal) = decision.refusal() {
        // The others hang on what is there, and that can change without the declaration.
        let for_good = matches!(refusal.kind, RefusalKind::ReadOnly | RefusalKind::Unsupported);
        return (!for_good).then_some(settled);
    }
    if let Some((_, after)) = decision.first_wait() {
        return Some(resync.progressing.map_or(after, |s| Duration::from_secs(s.into())));
    }
    match observed {
        Observed::Missing { .. } if !decision.writes() => None,
        _ if decision.writes() => Some(Duration::from_secs(1)),
        _ => Some(settled),
    }
}

/// For a resource that has failed, or was stopped before its end: its status, why, and what to do. A stopped job that is
/// declared read-only is no failure.
pub fn failure_message(kind: &Kind, desired: &Desired, found: &Found) -> Option<String> {
    let stopped = found.phase == Phase::Stopped && kind.is_job() && !desired.read_only;
    let badly = found.phase == Phase::Failed || stopped;
    if !badly {
        return None;
    }
    let finer = found.secondary.as_ref().filter(|finer| **finer != found.word);
    let reason = found.reason.as_ref().or(finer).map_or("AWS gives no reason", String::as_str).trim_end();
    let logs = match kind.logs(&found.name) {
        Some(_) if found.phase == Phase::Failed => {
            format!("`sagewright logs {}/{}` shows what it wrote; ", kind.name(), found.name)
        }
        _ => String::new(),
    };
    let advice = if stopped {
        &format!("start a new one under a new name, or take it as it is: {}: \"true\"", keys::READ_ONLY)
    } else if kind.is_job() {
        "start a new one under a new name"
    } else if kind.row().update.when.contains(&found.word) {
        "correct what it names and apply again"
    } else {
        "delete it and apply again"
    };
    // After a reason of several lines, the advice would seem a part of the last.
    let between = if reason.contains('\n') { "\n" } else { "; " };
    let reason = reason.trim_end_matches('.');
    Some(format!("{} is in {} status: {reason}{between}{logs}{advice}", kind.name(), found.word))
}
