//! Decisions about resources that are to go.

use sagewright_kinds::row::DeleteHow;
use sagewright_kinds::{Kind, Phase};

use super::desired::Desired;
use super::inputs::{Known, address};
use super::{Decision, RefusalKind, Step, present};
use crate::observe::{Found, Observed, Ownership};

/// What to do about a resource that is to go.
pub(crate) fn decide(kind: &Kind, desired: &Desired, observed: &Observed) -> Decision {
    let found = match observed {
        Observed::Missing { .. } => return Decision::default(),
        Observed::Found(found) if found.phase == Phase::Gone => return Decision::default(),
        Observed::Found(found) => found,
    };
    if desired.read_only {
        return Decision::note("the object is read-only: the resource stays".to_owned());
    }
    if desired.retain || kind.row().delete.how == DeleteHow::Retain {
        return Decision::note(format!("the {} `{}` is retained", kind.words(), found.name));
    }
    if let Some(user) = &desired.kept_for {
        return Decision::note(format!("the {} `{}` is retained: {user} is, and needs it", kind.words(), found.name));
    }
    if let Some(refused) = foreign(kind, desired, found) {
        return refused;
    }
    let is = format!("{} is in {} status", kind.name(), found.word);
    match (kind.row().delete.how, found.phase) {
        (_, Phase::Deleting) => Decision::wait(is),
        _ if present::is_blocked(kind, found) => Decision::wait(format!("a part of the {} is at work", kind.words())),
        (DeleteHow::Stop, Phase::Stopping | Phase::Unknown) => Decision::wait(is),
        (DeleteHow::Stop, _) if stoppable(kind, found) => step(kind, desired, found, true),
        // It runs, and takes no stop yet.
        (DeleteHow::Stop, Phase::Progressing) => Decision::wait(is),
        (DeleteHow::Stop, _) => {
            Decision::note(format!("the {} `{}` has ended; AWS keeps its record", kind.words(), found.name))
        }
        (_, Phase::Progressing | Phase::Stopping | Phase::Unknown) => {
            Decision::wait(format!("{is} and cannot be deleted yet"))
        }
        _ if kind.row().delete.stop_first && to_stop(kind, found) => step(kind, desired, found, true),
        _ => step(kind, desired, found, false),
    }
}

/// Whether a resource that has to be stopped before its delete still runs.
fn to_stop(kind: &Kind, found: &Found) -> bool {
    let stops = &kind.row().delete.stops;
    if stops.is_empty() { found.phase == Phase::Settled } else { stops.contains(&found.word) }
}

fn stoppable(kind: &Kind, found: &Found) -> bool {
    let stops = &kind.row().delete.stops;
    if stops.is_empty() { found.phase == Phase::Progressing } else { stops.contains(&found.word) }
}

fn foreign(kind: &Kind, desired: &Desired, found: &Found) -> Option<Decision> {
    let what = format!("the {} `{}`", kind.words(), found.name);
    match &found.owner {
        Ownership::Marked(owner) if *owner != desired.owner() => Some(Decision::refuse(
            RefusalKind::OwnedByOther,
            format!("{what} belongs to the object {owner}"),
            "delete that object instead",
        )),
        Ownership::Unmarked if !desired.unowned => Some(Decision::refuse(
            RefusalKind::NotOwned,
            format!("{what} is not managed by this object"),
            format!(
                "adopt it first (`sagewright adopt {}/{}`), or delete it where it was made",
                kind.name(),
                found.name
            ),
        )),
        _ => None,
    }
}

fn step(kind: &Kind, desired: &Desired, found: &Found, stop: bool) -> Decision {
    let operations = &kind.row().operations;
    let (role, operation) = if stop { ("stop", &operations.stop) } else { ("delete", &operations.delete) };
    // What is there names the resource best: a spec may have changed since.
    let spec = kind.spec_of(&found.output);
    let known = [Some(&spec), Some(&desired.spec)].into_iter().find_map(|spec| {
        let known = Known { spec, arn: found.arn.as_deref(), output: Some(&found.output) };
        Some((operation.clone()?, address(kind, role, operation.as_deref()?, known)?))
    });
    let Some((operation, input)) = known else {
        return Decision::refuse(
            RefusalKind::Unsupported,
            format!("a {} cannot be {}", kind.words(), if stop { "stopped" } else { "deleted" }),
            "leave it, or remove it in AWS's console",
        );
    };
    let step = if stop { Step::Stop { operation, input } } else { Step::Delete { operation, input } };
    Decision { steps: vec![step], ..Decision::default() }
}
