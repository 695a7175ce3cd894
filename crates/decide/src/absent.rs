//! Decisions about resources that are to go.

use sagewright_kinds::row::DeleteHow;
use sagewright_kinds::{Kind, Path, Phase, get};
use sagewright_objects::keys;
use serde_json::Value;

use super::claim::{Claim, adopt_command, claim, whose};
use super::desired::Desired;
use super::diff::observed_spec;
use super::inputs::call_on;
use super::{Decision, RefusalKind, Step, present};
use crate::observed::{Elsewhere, Found, Observed};

/// What to do about a resource that is to go.
pub fn decide(kind: &Kind, desired: &Desired, observed: &Observed) -> Decision {
    let found = match observed {
        Observed::Missing { .. } if desired.read_only => return Decision::default(),
        Observed::Missing { elsewhere: Some(other) } => return renamed(kind, desired, other),
        Observed::Missing { elsewhere: None } => return Decision::default(),
        Observed::Found(found) => found,
    };
    if desired.read_only {
        return Decision::note("the object is read-only: the resource stays".to_owned());
    }
    if desired.retain || kind.row().delete.how == DeleteHow::Retain {
        return Decision::note(format!("the {} `{}` is retained", kind.words(), found.name));
    }
    if let Some(user) = &desired.retained_for {
        return Decision::note(format!("the {} `{}` is retained: {user} is, and needs it", kind.words(), found.name));
    }
    if let Some(refused) = foreign(kind, desired, found) {
        return refused;
    }
    if let Some(set) = &desired.only_of
        && found.tags.get(keys::SET).and_then(|text| text.parse().ok()).as_ref() != Some(&**set)
    {
        return Decision::note(format!("the {} `{}` no longer belongs to the set {set}", kind.words(), found.name));
    }
    let is = format!("{} is in {} status", kind.name(), found.word);
    let delete = |stop: bool| serves_other(kind, desired, found).unwrap_or_else(|| step(kind, desired, found, stop));
    match (kind.row().delete.how, found.phase) {
        (_, Phase::Deleting) => Decision::wait(is),
        _ if present::is_blocked(kind, found) => Decision::wait(format!("a part of the {} is at work", kind.words())),
        (DeleteHow::Stop, Phase::Stopping | Phase::Unknown) => Decision::wait(is),
        (DeleteHow::Stop, _) if stoppable(kind, found) => delete(true),
        // It runs, and takes no stop yet.
        (DeleteHow::Stop, Phase::Progressing) => Decision::wait(is),
        (DeleteHow::Stop, _) => {
            Decision::note(format!("the {} `{}` has ended; AWS keeps its record", kind.words(), found.name))
        }
        (_, Phase::Progressing | Phase::Stopping | Phase::Unknown) => {
            Decision::wait(format!("{is} and cannot be deleted yet"))
        }
        _ if kind.row().delete.stop_first && to_stop(kind, found) => delete(true),
        _ => delete(false),
    }
}

/// The object's resource has another name than the one that is declared: to delete it is not what the file says, and to
/// say that all is gone would be wrong.
fn renamed(kind: &Kind, desired: &Desired, Elsewhere { name: other, region }: &Elsewhere) -> Decision {
    let what = kind.words();
    if let Some(region) = region {
        return Decision::refuse(
            RefusalKind::NameChanged,
            format!(
                "{} declares another region, but its {what} `{other}`, by the owner tag, is in {region}",
                desired.object.id()
            ),
            format!("to delete `{other}`, take the annotation {} away", keys::REGION),
        );
    }
    Decision::refuse(
        RefusalKind::NameChanged,
        format!("{} declares another name, but its {what}, by the owner tag, is `{other}`", desired.object.id()),
        format!(
            "to delete `{other}`, set {} back to it; to keep it, set {} to retain",
            present::name_fields(kind, desired),
            keys::DELETION_POLICY
        ),
    )
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
    let adopt = || adopt_command(kind, desired, found);
    match claim(kind, desired, found) {
        Claim::Ours { .. } | Claim::Ack => None,
        Claim::Adopt | Claim::Unmanaged if desired.unowned => None,
        Claim::Adopt | Claim::Unmanaged => Some(Decision::refuse(
            RefusalKind::NotOwned,
            format!("{what} is not managed by this object"),
            format!("adopt it first (`{}`), or delete it where it was made", adopt()),
        )),
        Claim::Other(owner) => Some(Decision::refuse(
            RefusalKind::OwnedByOther,
            format!("{what} {}", whose(desired, found, owner.as_ref())),
            match owner {
                Some(owner) if desired.owner().same_object(&owner) => {
                    format!("delete it from that installation, or take it over first (`{}`)", adopt())
                }
                Some(_) => "delete that object instead".to_owned(),
                None => format!("correct the mark {} in AWS, or take it away and adopt the resource", keys::OWNER),
            },
        )),
    }
}

/// What serves something else by now is in use: an endpoint that was rolled back is not deleted with the files of the
/// version that it was rolled back from.
fn serves_other(kind: &Kind, desired: &Desired, found: &Found) -> Option<Decision> {
    let path = Path::parse(kind.row().delete.serves.as_deref().filter(|_| !desired.force)?);
    let declared = get(&desired.spec, &path)?;
    let spec = observed_spec(kind, &found.output);
    let observed = get(&spec, &path);
    if observed == Some(declared) {
        return None;
    }
    let what = format!("the {} `{}`", kind.words(), found.name);
    let field = kind.spec_path_to_crd(&path);
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let serves = observed.map_or_else(|| "nothing".to_owned(), |value| format!("`{}`", text(value)));
    let reason = match desired.pending.iter().find(|p| p.reference.path == path) {
        Some(pending) => {
            format!("{what} serves {serves}, and what spec.{field} declares is not known: it refers to {}", pending.on)
        }
        None => format!("{what} serves {serves}, and this object declares `{}` in spec.{field}", text(declared)),
    };
    let advice = "leave it out, or declare what it serves; `sagewright delete --force` deletes it anyway";
    Some(Decision::refuse(RefusalKind::ServesOther, reason, advice))
}

fn step(kind: &Kind, desired: &Desired, found: &Found, stop: bool) -> Decision {
    let operations = &kind.row().operations;
    let (role, operation) = if stop { ("stop", &operations.stop) } else { ("delete", &operations.delete) };
    // What is there names the resource best: a spec may have changed since.
    let spec = kind.spec_of(&found.output);
    let mut calls =
        [&spec, &desired.spec].into_iter().filter_map(|spec| call_on(kind, role, operation.as_ref(), found, spec));
    let Some((operation, input)) = calls.next() else {
        return Decision::refuse(
            RefusalKind::Unsupported,
            format!("a {} cannot be {}", kind.words(), if stop { "stopped" } else { "deleted" }),
            "leave it, or remove it in AWS's console",
        );
    };
    let step = if stop { Step::Stop { operation, input } } else { Step::Delete { operation, input } };
    Decision { steps: vec![step], ..Decision::default() }
}
