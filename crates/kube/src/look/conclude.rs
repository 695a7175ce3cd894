//! What a look came to: the status and the events that are written, and when to look again.

use std::time::Duration;

use sagewright_decide::conditions::{ADOPTED, ADVISORY, SYNCED, write};
use sagewright_decide::quirks::PARTS_GONE;
use sagewright_engine::reconcile::{Memory, Progress, Reconciled};
use sagewright_engine::watch::{ContentHash, Settled};
use sagewright_engine::{Failure, Outcome};
use sagewright_kinds::Kind;
use sagewright_objects::{ObjectId, keys};
use sagewright_port::cloud::Target;
use serde_json::{Value, json};

use super::document::Document;
use super::generated::{KEPT, Retired};
use super::{Context, Found, Looking};
use crate::api::ApiError;
use crate::companions::Looked;
use crate::conditions::{self, ROLE_SELECTED, holds};
use crate::events::{self, Note};
use crate::referents::Given;
use crate::remembered::Remembered;
use crate::resync;
use crate::scope::Placed;
use crate::status::in_seconds;

/// The pause before a look at an object that is settled, or was just made, and that the listing does not show yet.
const NOT_LISTED: Duration = Duration::from_secs(120);

/// The pause before a look at an endpoint of which a part is gone.
const PARTS: Duration = Duration::from_secs(600);

/// The pause before it is tried again whether the cluster keeps what has to be remembered.
const NOT_KEPT: Duration = Duration::from_secs(60);

/// Why an object is not reconciled.
pub(super) struct Refusal {
    pub(super) reason: &'static str,
    pub(super) message: String,
    pub(super) again: Option<Duration>,
    pub(super) terminal: bool,
}

impl Refusal {
    /// What has to be remembered is not kept by the cluster: the next process would create a resource twice, or leave one behind.
    pub(super) fn forgets(kind: &Kind) -> Self {
        let (plural, group, field) = (kind.plural(), kind.group(), crate::remembered::FIELD);
        let message = format!(
            "the CustomResourceDefinition {plural}.{group} does not keep status.{field}, where it stands what was created: install \
             Sagewright's definitions"
        );
        Self { reason: "StatusNotKept", message, again: Some(NOT_KEPT), terminal: false }
    }
}

/// What the poll of the kind showed before the look.
pub(super) struct Listing {
    pub(super) is_polled: bool,
    pub(super) hash: Option<ContentHash>,
}

/// How an object was looked at.
pub(super) struct How {
    pub(super) placed: Placed,
    pub(super) listing: Listing,
    /// It takes a resource over as it is.
    pub(super) adopts: bool,
    /// What became of resources that the object made under generated names.
    pub(super) retired: Retired,
    /// What the objects gave to which it refers.
    pub(super) relied: Given,
    /// The objects that have to change before it can go on.
    pub(super) waits: Vec<(&'static Kind, ObjectId)>,
}

/// Tells why an object is not reconciled. One that is to go, and of which nothing is known in AWS, goes.
pub(super) async fn refused(
    context: &Context,
    mut document: Document<'_>,
    memory: &Memory,
    target: Option<Target>,
    refusal: Refusal,
) -> Result<Looking, ApiError> {
    let Refusal { reason, message, again, terminal } = refusal;
    if document.declared.deleting && document.nothing_known(memory) {
        document.release().await?;
        return Ok(Looking::Gone);
    }
    let now = context.clock.now();
    let before = document.object.status.clone();
    let mut status = if before.is_object() { before.clone() } else { json!({}) };
    let say = if terminal { conditions::terminal } else { conditions::recoverable };
    let all = say(&before, reason, &message, now);
    write(&mut status, &all);
    conditions::arrange(&mut status);
    document.write_status(&status, false).await?;
    tell(context, &document, &events::turned(&before, &status, false));
    Ok(Looking::Found(Box::new(Found {
        hash: document.declared.hash,
        deleting: document.declared.deleting,
        target,
        resource: document.declared.resource.clone(),
        settled: None,
        made: None,
        again,
        changing: false,
        synced: false,
        retires: false,
        relied: 0,
        waits: Vec::new(),
        result: "error",
    })))
}

/// Writes down what the engine did and found.
pub(super) async fn reconciled(
    context: &Context,
    mut document: Document<'_>,
    memory: &Memory,
    how: How,
    done: Reconciled,
) -> Result<Looking, ApiError> {
    let How { placed, listing, adopts, retired, relied, waits } = how;
    let (kind, deleting) = (document.kind, document.declared.deleting);
    let now = context.clock.now();
    let before = document.object.status.clone();
    let mut status = done.status.clone();
    if done.outcome == Some(Outcome::Refused) {
        not_its_own(&before, &mut status, retired.generated.is_empty());
    }
    if let Some(name) = &placed.selected {
        let message = format!("the IAMRoleSelector {name} chose the role");
        conditions::add(&mut status, &before, (ROLE_SELECTED, ""), &message, now);
    }
    // What the engine advises goes first.
    if let Some(why) = retired.why.as_ref().filter(|_| conditions::find(&status, ADVISORY).is_none()) {
        conditions::add(&mut status, &before, (ADVISORY, KEPT), why, now);
    }
    in_seconds(&mut status);
    conditions::arrange(&mut status);
    let mut notes = events::of(kind, &before, &status, &done);
    notes.extend(retired.notes);
    log(&document, &done, &notes);
    let nothing_known = document.nothing_known(memory);
    let never_was = || (nothing_known && cannot_be(&done)).then_some(None);
    if deleting && let Some(why) = leaves(&done).or_else(never_was) {
        tell(context, &document, &notes);
        if let Some(why) = why {
            tell(context, &document, &[Note::new(false, "Kept", why)]);
        }
        document.release().await?;
        return Ok(Looking::Gone);
    }
    let settled = settled(&document, &done, &listing);
    // Where a look has failed since, the listing must not stand for one: the status would go on telling of the failure.
    let made = (done.progress == Progress::Done && memory.has_made(None)).then_some(document.declared.hash);
    let remembered = Remembered { memory: memory.clone(), settled, made, relied, generated: retired.generated };
    let kept = &document.declared.remembered;
    if !remembered.must_be_kept(kept) && same_but_remembered(&before, &status) {
        kept.write(&mut status);
    } else {
        remembered.write(&mut status);
    }
    if let Err(error) = document.write_status(&status, false).await {
        tell(context, &document, &events::done(kind, &done));
        return Err(error);
    }
    tell(context, &document, &notes);
    let is_new = document.object.annotation(keys::ADOPTED).is_none();
    if done.progress == Progress::Done && is_new && (adopts || holds(&status, ADOPTED)) {
        document.adopted(done.spec.clone().filter(|_| adopts)).await?;
    }
    let synced = holds(&status, SYNCED);
    if let Some(looked) = context.looked.as_ref().filter(|_| synced) {
        let metadata = &document.object.metadata;
        let namespace = metadata.namespace.as_deref().unwrap_or_default().into();
        // Nobody may listen any more.
        drop(looked.send(Looked { kind, namespace, name: metadata.name.as_str().into() }));
    }
    Ok(Looking::Found(Box::new(Found {
        hash: document.declared.hash,
        deleting,
        target: Some(placed.target),
        resource: resource(kind, &document, &status, &done),
        settled,
        made,
        again: sooner(again(context, kind, &done, &listing, settled.is_some()), retired.again),
        // Not every kind has an event of its end.
        changing: !deleting && matches!(done.progress, Progress::Waiting { held: false }),
        synced,
        retires: retired.retires,
        relied,
        waits,
        result: result(&done),
    })))
}

/// A resource that an object is refused is not its own: an ARN in the status beside the finalizer would say, as with ACK, that
/// it is. `named`: the object has one name. Of one with generated names the status may tell of an older resource, which stays.
fn not_its_own(before: &Value, status: &mut Value, named: bool) {
    const FIELD: &str = "ackResourceMetadata";
    let Some(map) = status.as_object_mut() else { return };
    match before.get(FIELD) {
        None => drop(map.shift_remove(FIELD)),
        Some(own) if !named => drop(map.insert(FIELD.to_owned(), own.clone())),
        Some(_) => {}
    }
}

/// The shorter of two pauses.
fn sooner(one: Option<Duration>, other: Option<Duration>) -> Option<Duration> {
    one.into_iter().chain(other).min()
}

/// Whether two statuses differ in nothing but what is remembered.
fn same_but_remembered(before: &Value, after: &Value) -> bool {
    let without = |status: &Value| {
        let mut status = status.clone();
        if let Some(map) = status.as_object_mut() {
            map.shift_remove(crate::remembered::FIELD);
        }
        status
    };
    crate::status::merge_patch(&without(before), &without(after)).is_none()
}

/// Whether an object that is to go can: its resource is gone, stays on purpose, or is not its own. Why it stays.
fn leaves(done: &Reconciled) -> Option<Option<String>> {
    match (done.progress, done.outcome) {
        (Progress::Done, Some(Outcome::Retained)) => Some(Some("the resource in AWS was left as it is".to_owned())),
        (Progress::Done, _) => Some(None),
        (Progress::Ended, Some(Outcome::Refused)) => {
            let not_ours = |reason: &str| matches!(reason, "NotManaged" | "ManagedByOther");
            let refused = done.conditions.iter().any(|c| c.reason.as_deref().is_some_and(not_ours));
            refused.then(|| Some(done.message.clone()))
        }
        _ => None,
    }
}

/// Whether AWS says that no resource can have the name that was looked for.
fn cannot_be(done: &Reconciled) -> bool {
    let Some(Failure::Permanent(permanent)) = &done.failure else { return false };
    done.failed_step.is_none() && permanent.cause.as_ref().is_some_and(|cause| cause.code == "ValidationException")
}

/// What to remember of an object that was found settled, and to which nothing was written.
fn settled(document: &Document<'_>, done: &Reconciled, listing: &Listing) -> Option<Settled> {
    let written = done.outcome.is_some_and(Outcome::is_write);
    if done.progress != Progress::Done || written || document.declared.deleting {
        return None;
    }
    let settled = |hash| Settled::new(document.declared.hash, hash);
    let read = done.listed.filter(|_| listing.is_polled).map(settled);
    of_read_or_listing(read, listing.hash.map(settled), document.declared.remembered.settled)
}

/// What the listing will show of what a look found, which the listing may not show yet. Where just that was remembered and a look
/// was due all the same, the listing says it in other words: then what it showed before the look.
fn of_read_or_listing(read: Option<Settled>, shown: Option<Settled>, known: Option<Settled>) -> Option<Settled> {
    if read.is_some() && read == known { shown.or(read) } else { read.or(shown) }
}

/// The name of its resource in AWS, as a listing says it.
fn resource(kind: &Kind, document: &Document<'_>, status: &Value, done: &Reconciled) -> Option<String> {
    if kind.is_arn_identified() {
        return status.pointer("/ackResourceMetadata/arn").and_then(Value::as_str).map(str::to_owned);
    }
    done.resource.clone().or_else(|| document.declared.resource.clone())
}

/// When to look again, unless something changes before.
fn again(context: &Context, kind: &Kind, done: &Reconciled, listing: &Listing, settled: bool) -> Option<Duration> {
    if done.progress != Progress::Done {
        return done.requeue;
    }
    let gone = done.conditions.iter().any(|condition| condition.reason.as_deref() == Some(PARTS_GONE));
    let resync = resync::pause(&context.options, kind, settled);
    // That it is there again shows in no listing.
    let resync = if gone { Some(resync.map_or(PARTS, |pause| pause.min(PARTS))) } else { resync };
    // The next poll shows what was made; if none does, a look tells why.
    if listing.is_polled && !settled {
        return Some(resync.map_or(NOT_LISTED, |resync| resync.min(NOT_LISTED)));
    }
    resync
}

fn result(done: &Reconciled) -> &'static str {
    match done.progress {
        Progress::Done => "success",
        Progress::Ended | Progress::Retry | Progress::Blocked => "error",
        _ => "requeue_after",
    }
}

pub(super) fn tell(context: &Context, document: &Document<'_>, notes: &[Note]) {
    let now = context.clock.now();
    for note in notes {
        context.recorder.tell(&document.object, note, now);
    }
}

/// One line for each thing that happened.
fn log(document: &Document<'_>, done: &Reconciled, notes: &[Note]) {
    let metadata = &document.object.metadata;
    let (kind, name) = (document.kind.name(), metadata.name.as_str());
    let namespace = metadata.namespace.as_deref().unwrap_or_default();
    let generation = metadata.generation.unwrap_or_default();
    for note in notes {
        if note.warning {
            tracing::warn!(kind, namespace, name, generation, reason = note.reason, "{}", note.message);
        } else {
            tracing::info!(kind, namespace, name, generation, reason = note.reason, "{}", note.message);
        }
    }
    let progress = format!("{:?}", done.progress);
    tracing::debug!(kind, namespace, name, generation, progress, again = ?done.requeue, "looked");
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_listing_that_says_a_state_in_other_words_is_believed_at_the_second_look() {
        let of = |hash: u64| Some(serde_json::from_value::<Settled>(json!({"d": 1, "s": hash})).unwrap());
        let (read, shown, earlier) = (of(1), of(2), of(3));
        for (read, shown, known, remembered) in [
            (read, None, None, read),
            (read, shown, None, read),
            (read, shown, earlier, read),
            (read, shown, read, shown),
            (read, read, read, read),
            (read, None, read, read),
            (None, shown, read, shown),
            (None, None, read, None),
        ] {
            assert_eq!(of_read_or_listing(read, shown, known), remembered, "{read:?} {shown:?} {known:?}");
        }
    }
}
