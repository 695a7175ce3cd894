//! Decisions about resources that are to be there.

use jiff::Timestamp;
use sagewright_kinds::row::UpdateNote;
use sagewright_kinds::{Kind, Path, Phase};
use sagewright_objects::keys;
use sagewright_objects::secrets::{HIDDEN, Secrets, masked};
use serde_json::{Value, json};

use super::claim::{Claim, adopt_command, claim, whose};
use super::desired::Desired;
use super::diff::{Diff, diff, observed_spec, unseen};
use super::inputs::{self, MarkLocation, mark_location};
use super::intent::Adoption;
use super::{Change, Decision, Effect, RefusalKind, Step, scale, served, sets, tags};
use crate::arn::name_in_arn;
use crate::observed::{Elsewhere, Found, Observed, Ownership};
use crate::quirks;

/// What to do about a resource that is to be there.
pub fn decide(kind: &Kind, desired: &Desired, observed: &Observed, now: Timestamp) -> Decision {
    match observed {
        Observed::Missing { elsewhere } => missing(kind, desired, elsewhere.as_ref(), now),
        Observed::Found(found) => there(kind, desired, found),
    }
}

fn missing(kind: &Kind, desired: &Desired, elsewhere: Option<&Elsewhere>, now: Timestamp) -> Decision {
    let what = kind.words();
    let name =
        desired.name(kind).or_else(|| desired.arn.clone()).unwrap_or_else(|| desired.object.metadata.name.clone());
    if desired.read_only {
        return Decision::refuse(
            RefusalKind::Absent,
            format!("the object is read-only, and there is no {what} `{name}`"),
            format!("create it elsewhere, or take the annotation {} away", keys::READ_ONLY),
        );
    }
    if desired.adoption == Adoption::Adopt {
        return Decision::refuse(
            RefusalKind::Absent,
            format!("there is no {what} `{name}` to adopt"),
            format!("check its name and region, or set {} to adopt-or-create", keys::ADOPTION_POLICY),
        );
    }
    if let Some(Elsewhere { name: other, region: Some(region) }) = elsewhere {
        return Decision::refuse(
            RefusalKind::NameChanged,
            format!(
                "{} already has the {what} `{other}` in {region}; a resource cannot move to another region, and this would be a second one",
                desired.object.id()
            ),
            format!(
                "give the new {what} an object of its own (another metadata.name), or take the annotation {} away",
                keys::REGION
            ),
        );
    }
    if let Some(Elsewhere { name: other, .. }) = elsewhere {
        // A job's record stays, and its mark with it.
        let delete = if kind.is_job() { "" } else { ", and delete that first if it is to be replaced" };
        return Decision::refuse(
            RefusalKind::NameChanged,
            format!(
                "{} already has the {what} `{other}`; a resource cannot be renamed, and `{name}` would be a second one",
                desired.object.id()
            ),
            format!(
                "give the new {what} an object of its own (another metadata.name), or set {} back to `{other}`{delete}",
                name_fields(kind, desired)
            ),
        );
    }
    let secrets = Secrets::of(kind, &desired.spec);
    let shown = desired.spec.as_object().into_iter().flatten();
    let shown = shown.map(|(member, value)| (member.clone(), masked(kind, &Path::parse(member), value)));
    let spec = kind.spec_to_crd(&Value::Object(shown.collect()));
    let mut changes: Vec<Change> = spec
        .as_object()
        .into_iter()
        .flatten()
        .map(|(field, value)| Change {
            path: format!("spec.{field}"),
            from: None,
            to: Some(value.clone()),
            effect: Effect::Create,
            sensitive: is_sensitive(kind, field),
            hidden: kind
                .spec_fields()
                .get(field)
                .map(|info| secrets.in_manifest(kind, &Path::parse(info.member)))
                .unwrap_or_default(),
        })
        .collect();
    let tags = desired.tags.iter();
    changes.extend(tags.map(|(key, value)| Change { effect: Effect::Create, ..tags::change(key, None, Some(value)) }));
    let input = inputs::create(kind, desired, &desired.attempt.unwrap_or(now).to_string());
    let step = Step::Create { operation: kind.row().operations.create.clone(), input };
    let notes = sets::note(kind, desired).into_iter().collect();
    Decision { steps: vec![step], changes, notes, ..Decision::default() }
}

/// The fields that name the resource of an object: `spec.modelName`.
pub(super) fn name_fields(kind: &Kind, desired: &Desired) -> String {
    let identity = &kind.row().identity;
    let members = if identity.name.is_empty() { &identity.within } else { &identity.name };
    let declared = identity.optional.iter().filter(|member| desired.spec.get(*member).is_some());
    let members = members.iter().chain(declared);
    let fields: Vec<String> = members.map(|m| format!("spec.{}", sagewright_model::name::to_crd(m))).collect();
    fields.join(", ")
}

fn is_sensitive(kind: &Kind, field: &str) -> bool {
    kind.spec_fields().get(field).is_some_and(|info| {
        kind.row().spec.secret.iter().any(|s| Path::parse(s).first() == Some(info.member))
            || kind.service().shape(info.shape).is_some_and(|s| s.sensitive)
    })
}

fn there(kind: &Kind, desired: &Desired, found: &Found) -> Decision {
    if desired.read_only {
        let note = Decision::note("the object is read-only: nothing is compared".to_owned());
        return Decision { steps: at_work_step(kind, found).into_iter().collect(), ..note };
    }
    if found.phase == Phase::Deleting {
        return Decision::wait(format!(
            "{} is in {} status; it is created anew when it is gone",
            kind.name(),
            found.word
        ));
    }
    // What was created because it was missing is the object's by its mark.
    let made = matches!(&found.owner, Ownership::Marked(mark) if desired.owner().is(mark));
    if let Some(wanted) = desired.adopts.arn.as_ref().filter(|_| !made)
        && let Some(there) = found.arn.as_ref().filter(|there| !there.eq_ignore_ascii_case(wanted))
    {
        return Decision::refuse(
            RefusalKind::Absent,
            format!("there is no {} {wanted} here; the one of that name is {there}", kind.words()),
            format!("check the account and the region, or correct the annotation {}", keys::ADOPTION_FIELDS),
        );
    }
    let what = format!("the {} `{}`", kind.words(), found.name);
    match claim(kind, desired, found) {
        Claim::Ours { .. } if !found.twins.is_empty() && kind.row().operations.delete.is_some() => {
            several(kind, desired, found)
        }
        Claim::Ours { old } => {
            let mark = if old { Mark::Old } else { Mark::Current };
            let mut decision = quirks::decided(kind, found, differences(kind, desired, found, mark));
            // What cannot be deleted stays: there is nothing to be done about it.
            if !found.twins.is_empty() {
                decision.notes.push(several_words(kind, desired, found));
            }
            decision
        }
        Claim::Ack => acks(kind, desired, found),
        Claim::Adopt if desired.adoption == Adoption::Adopt => {
            let decision = quirks::decided(kind, found, differences(kind, desired, found, Mark::Missing));
            match as_it_is(&decision, &what) {
                Some(refused) => refused,
                None => adopt(kind, desired, found, Decision { notes: decision.notes, ..Decision::default() }),
            }
        }
        Claim::Adopt => {
            let decision = quirks::decided(kind, found, differences(kind, desired, found, Mark::Missing));
            adopt(kind, desired, found, decision)
        }
        Claim::Unmanaged => Decision::refuse(
            RefusalKind::NotOwned,
            format!("{what} exists and is not managed by this object"),
            format!(
                "adopt it (`{}`, or the annotation {}: adopt-or-create), or use another name",
                adopt_command(kind, desired, found),
                keys::ADOPTION_POLICY
            ),
        ),
        Claim::Other(owner) => Decision::refuse(
            RefusalKind::OwnedByOther,
            format!("{what} {}", whose(desired, found, owner.as_ref())),
            match owner {
                Some(owner) if desired.owner().same_object(&owner) => format!(
                    "use another resource name; to take it over for this installation, run `{}`",
                    adopt_command(kind, desired, found)
                ),
                Some(_) => format!(
                    "give this object another resource name; to move it here, run `{}`",
                    adopt_command(kind, desired, found)
                ),
                None => format!("correct the mark {} in AWS, or take it away and adopt the resource", keys::OWNER),
            },
        ),
    }
}

/// The object has several resources: which of them is to be changed is not known, and each may cost.
fn several(kind: &Kind, desired: &Desired, found: &Found) -> Decision {
    let commands: Vec<String> = found
        .arn
        .iter()
        .chain(&found.twins)
        .map(|arn| format!("`sagewright delete {}/{}`", kind.name(), name_in_arn(arn)))
        .collect();
    Decision::refuse(
        RefusalKind::Several,
        several_words(kind, desired, found),
        format!("delete what nothing uses ({}), then apply again", commands.join(" or ")),
    )
}

fn several_words(kind: &Kind, desired: &Desired, found: &Found) -> String {
    let all: Vec<&str> = found.arn.iter().chain(&found.twins).map(String::as_str).collect();
    format!("{} has {} {}: {}", desired.object.id(), all.len(), kind.words_of_many(), all.join(", "))
}

/// The refusal of what is to be taken over as it is, and is not as declared: once it is the object's own, the next apply
/// would change it.
fn as_it_is(decision: &Decision, what: &str) -> Option<Decision> {
    let declared = |change: &&Change| !change.path.contains(keys::PREFIX);
    let fields: Vec<&str> = decision.changes.iter().filter(declared).map(|change| change.path.as_str()).collect();
    if fields.is_empty() {
        return None;
    }
    let why = format!("{what} is to be adopted as it is, and differs from the manifest in {}", fields.join(", "));
    let advice =
        format!("declare it as it is (`sagewright export`), or set {} to adopt-or-create", keys::ADOPTION_POLICY);
    Some(Decision { changes: decision.changes.clone(), ..Decision::refuse(RefusalKind::NotOwned, why, advice) })
}

/// Takes the resource over before anything else is done to it.
fn adopt(kind: &Kind, desired: &Desired, found: &Found, mut decision: Decision) -> Decision {
    if decision.refusal().is_some() {
        return decision;
    }
    // A mark that is no tag is written by an update.
    if let (MarkLocation::Member(_), Some(held)) =
        (mark_location(kind, &kind.spec_of(&found.output)), held(kind, found))
    {
        return *held;
    }
    decision.steps.insert(0, adoption(desired, found));
    decision
}

/// The step that takes a resource over.
pub fn adoption(desired: &Desired, found: &Found) -> Step {
    let arn = found.arn.clone().unwrap_or_else(|| found.name.clone());
    Step::Adopt { arn, owner: desired.owner().to_string() }
}

/// Takes over what ACK manages for this object, as it is. Nothing is written but marks: what ACK applied last is what the
/// object declares, so it is remembered as applied.
fn acks(kind: &Kind, desired: &Desired, found: &Found) -> Decision {
    let mut decision = Decision::note("ACK manages the resource for this object: it is taken over as it is".to_owned());
    let add = tags::last_declared(kind, desired);
    if let (MarkLocation::Tags(_), Some(arn), false) = (mark_location(kind, &desired.spec), &found.arn, add.is_empty())
    {
        decision.steps.push(Step::SyncTags { arn: arn.clone(), add, remove: Vec::new() });
    }
    adopt(kind, desired, found, decision)
}

/// The state of a resource's mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    Current,
    Old,
    Missing,
}

fn differences(kind: &Kind, desired: &Desired, found: &Found, mark: Mark) -> Decision {
    let (diffs, left) = scale::part(kind, desired, found, diff(kind, &desired.spec, &found.output));
    let (mutable, fixed): (Vec<&Diff>, Vec<&Diff>) = diffs.iter().partition(|d| kind.is_mutable(&d.path));
    let mut tags = tags::sync(kind, desired, found, mark == Mark::Old, scale::is_applied(kind, &diffs));
    let secrets = || Secrets::of(kind, &desired.spec).and(Secrets::of(kind, &observed_spec(kind, &found.output)));
    let secrets = if diffs.is_empty() { Secrets::default() } else { secrets() };
    let mut changes: Vec<Change> =
        diffs.iter().map(|d| change(kind, d, &secrets, fixed.iter().any(|f| f.path == d.path))).collect();
    changes.append(&mut tags.changes);
    if !fixed.is_empty() {
        let mut refused = immutable(kind, &fixed, &secrets, found);
        refused.changes = changes;
        return refused;
    }
    let mut decision = Decision { changes, ..Decision::default() };
    decision.notes.extend(sets::note(kind, desired));
    decision.notes.extend(sets::leaves(kind, desired, found.tags.get(keys::SET)));
    decision.notes.extend(left.iter().map(|diff| scale::note(kind, diff)));
    decision.notes.append(&mut tags.notes);
    let (mut update, mut before) = (None, None);
    if !mutable.is_empty() {
        match updating(kind, desired, found, &mutable) {
            Ok(Some((operation, input, remember))) => {
                if let Some(fingerprint) = remember {
                    tags.add.insert(keys::LAST_UPDATE.to_owned(), fingerprint);
                    before = served::remember(kind, &found.output, found.tags.get(keys::SERVED), &input);
                }
                decision.notes.extend(update_notes(kind, &mutable, &input));
                update = Some((operation, input));
            }
            // A member that an update can change is one that it can say: see the lint of rows.
            Ok(None) => {
                let fields: Vec<String> = decision.changes.iter().map(|change| change.path.clone()).collect();
                let why = format!("no update of a {} says {}", kind.words(), fields.join(", "));
                let refused = Decision::refuse(RefusalKind::Unsupported, why, "declare the value that AWS shows");
                return Decision { changes: decision.changes, ..refused };
            }
            Err(refused) => {
                decision.steps = refused.steps;
                return decision;
            }
        }
    }
    if mark == Mark::Old
        && let Some(change) = rewrite_mark(kind, desired, found, &mut update)
    {
        tags.own_changes.push(change);
    }
    if mark != Mark::Current || update.is_some() || !tags.is_empty() {
        tags.remember_keys(found);
        decision.notes.append(&mut tags.notes);
    }
    if let Some(before) = before {
        // A way back that is not kept is asked for.
        tags.add_where_room(found, keys::SERVED, before);
    }
    // The fingerprint is written when the update was taken: one that never was sent cannot have been rolled back.
    let updates = update.is_some();
    // To declare what runs acknowledges the update that was rolled back; it may be sent again.
    if mutable.is_empty() && rolled_back(kind, found) {
        tags.remove.push(keys::LAST_UPDATE.to_owned());
        decision.changes.push(tags::change(keys::LAST_UPDATE, found.tags.get(keys::LAST_UPDATE), None));
        decision.notes.push("AWS rolled the last update back; declared again, it is sent again".to_owned());
    }
    decision.steps.extend(update.map(|(operation, input)| Step::Update { operation, input }));
    if let (false, Some(arn)) = (tags.is_empty(), &found.arn) {
        decision.steps.push(Step::SyncTags { arn: arn.clone(), add: tags.add, remove: tags.remove });
    }
    decision.steps.extend(at_work_step(kind, found).filter(|_| !updates));
    // A plan shows all that an apply writes: own tags too, where nothing else is written.
    if decision.changes.is_empty() {
        decision.changes = tags.own_changes;
    }
    let unseen = unseen(kind, &desired.spec).into_iter();
    decision.notes.extend(unseen.map(|path| {
        format!("AWS does not show spec.{}: a change of it would not be seen", kind.spec_path_to_crd(&path))
    }));
    decision
}

/// Writes an old mark that is no tag anew: with the update that is sent anyway, or with one of its own when AWS takes it.
fn rewrite_mark(kind: &Kind, desired: &Desired, found: &Found, update: &mut Option<(String, Value)>) -> Option<Change> {
    let MarkLocation::Member(member) = mark_location(kind, &kind.spec_of(&found.output)) else { return None };
    let owner = desired.owner().to_string();
    match update {
        Some((_, input)) if input.get(member).is_some() => {}
        Some((_, input)) => inputs::mark_found(kind, input, found, member, &owner),
        None if held(kind, found).is_some() => return None,
        None => *update = Some(inputs::mark_update(kind, found, member, &owner)?),
    }
    let from = if let Ownership::Marked(mark) = &found.owner { Some(mark.to_string()) } else { None };
    Some(tags::change(keys::OWNER, from.as_ref(), Some(&owner)))
}

/// Notes for the user on an update that is sent.
fn update_notes(kind: &Kind, diffs: &[&Diff], input: &Value) -> Vec<String> {
    let applies = |note: &&UpdateNote| {
        let changes = Path::parse(&note.changes);
        diffs.iter().any(|diff| changes.leads_to(&diff.path))
            && note.sends.iter().all(|(member, value)| input.get(member) == Some(value))
    };
    kind.row().update.notes.iter().filter(applies).map(|note| note.text.clone()).collect()
}

/// Whether the resource still bears the fingerprint of an update that AWS rolled back.
fn rolled_back(kind: &Kind, found: &Found) -> bool {
    kind.row().update.remember
        && found.phase == Phase::Settled
        && found.reason.is_some()
        && found.tags.contains_key(keys::LAST_UPDATE)
}

/// The wait for a resource that is at work, or a part of it.
fn at_work_step(kind: &Kind, found: &Found) -> Option<Step> {
    let at_work =
        matches!(found.phase, Phase::Progressing | Phase::Stopping | Phase::Unknown) || parts_at_work(kind, found);
    at_work.then(|| Step::Wait { reason: format!("{} is in {} status", kind.name(), found.word), after: super::WAIT })
}

/// Whether a part of the resource is still at work (a debugger rule, a monitoring execution).
pub fn parts_at_work(kind: &Kind, found: &Found) -> bool {
    at_work(kind, found, false)
}

/// Whether a part at work keeps the resource from being changed or deleted.
pub fn is_blocked(kind: &Kind, found: &Found) -> bool {
    at_work(kind, found, true)
}

fn at_work(kind: &Kind, found: &Found, blocks: bool) -> bool {
    kind.row().status.parts.iter().filter(|part| part.blocks || !blocks).any(|part| {
        let off = part.unless.as_ref().is_some_and(|[path, word]| {
            sagewright_kinds::get(&found.output, &Path::parse(path)).and_then(Value::as_str) == Some(word)
        });
        !off && sagewright_kinds::values(&found.output, &Path::parse(&part.path))
            .iter()
            .any(|(_, v)| v.as_str().is_some_and(|w| part.progressing.iter().any(|p| p == w)))
    })
}

fn change(kind: &Kind, diff: &Diff, secrets: &Secrets, refused: bool) -> Change {
    let hide = |v: &Value| if diff.sensitive { json!(HIDDEN) } else { v.clone() };
    Change {
        path: format!("spec.{}", kind.spec_path_to_crd(&diff.path)),
        from: diff.from.as_ref().map(hide),
        to: diff.to.as_ref().map(hide),
        effect: if refused { Effect::Refused } else { Effect::Update },
        sensitive: diff.sensitive,
        hidden: secrets.at(&diff.path),
    }
}

fn immutable(kind: &Kind, fixed: &[&Diff], secrets: &Secrets, found: &Found) -> Decision {
    let shown = |v: Option<&Value>| match v {
        Some(Value::String(text)) => format!("`{text}`"),
        Some(other) => {
            let text = other.to_string();
            if text.chars().count() > 120 { format!("{}…", text.chars().take(120).collect::<String>()) } else { text }
        }
        None => "nothing".to_owned(),
    };
    let fields: Vec<String> = fixed
        .iter()
        .map(|d| {
            let hidden = change(kind, d, secrets, true).masked();
            if hidden.from == hidden.to {
                return format!("{} has another value, and cannot be changed", hidden.path);
            }
            let (from, to) = (shown(hidden.from.as_ref()), shown(hidden.to.as_ref()));
            format!("{} is {from} and cannot become {to}", hidden.path)
        })
        .collect();
    let advice = match kind.name_field() {
        Some(field) if kind.is_job() => format!(
            "a job that has begun cannot be changed: start a new one with a new {field} and a new metadata.name"
        ),
        Some(field) => format!(
            "AWS has no call that changes it: make a new {} with a new {field} and a new metadata.name, or delete `{}` first",
            kind.words(),
            found.name
        ),
        None => format!("make a new {} with a new metadata.name", kind.words()),
    };
    Decision::refuse(RefusalKind::Immutable, fields.join("; "), advice)
}

/// Why AWS takes no update just now, or for good.
fn held(kind: &Kind, found: &Found) -> Option<Box<Decision>> {
    let waits = || Decision::wait(format!("{} is in {} status", kind.name(), found.word));
    let refuse = |why: String, advice: &str| Decision::refuse(RefusalKind::Failed, why, advice);
    let what = format!("the {} `{}`", kind.words(), found.name);
    let accepted = kind.row().update.when.contains(&found.word);
    let held = match found.phase {
        _ if is_blocked(kind, found) => waits(),
        Phase::Progressing | Phase::Stopping | Phase::Unknown if !accepted => waits(),
        Phase::Failed if !accepted => refuse(
            format!("{what} is {}: {}; AWS updates none in that state", found.word, reason(found)),
            "delete it and apply again",
        ),
        Phase::Stopped if !accepted && kind.is_job() => {
            refuse(format!("{what} was stopped and takes no updates"), "start a new one under a new name")
        }
        _ => return None,
    };
    Some(Box::new(held))
}

fn reason(found: &Found) -> &str {
    found.reason.as_deref().unwrap_or("AWS gives no reason")
}

type Updating = Option<(String, Value, Option<String>)>;

/// The update to send, nothing where there is none to send, or why not now.
fn updating(kind: &Kind, desired: &Desired, found: &Found, diffs: &[&Diff]) -> Result<Updating, Box<Decision>> {
    let row = &kind.row().update;
    let Some((operation, mut input)) = inputs::update(kind, desired, found, diffs) else { return Ok(None) };
    let print = row.remember.then(|| inputs::fingerprint(&input.to_string(), 16));
    if let Some(held) = held(kind, found) {
        return Err(held);
    }
    // AWS went back from this very update: sending it again would end the same way.
    let sent_before = print.is_some() && found.tags.get(keys::LAST_UPDATE) == print.as_ref();
    let service_fault =
        row.retry_reason.as_ref().is_some_and(|p| found.reason.as_ref().is_some_and(|r| r.starts_with(p.as_str())));
    if sent_before && found.reason.is_some() && !service_fault {
        return Err(Box::new(Decision::refuse(
            RefusalKind::Failed,
            format!("AWS did not carry out this update of the {} `{}`: {}", kind.words(), found.name, reason(found)),
            "it is not sent again as it is: fix what it names under a new name; or, when the cause is gone, apply what runs and then this again",
        )));
    }
    quirks::update(kind, desired, found, diffs, &mut input)?;
    let can_remember = matches!(mark_location(kind, &desired.spec), MarkLocation::Tags(_));
    Ok(Some((operation, input, print.filter(|_| can_remember))))
}
