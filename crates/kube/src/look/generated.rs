//! Generated names in a look: the name of what is declared now, and what becomes of older resources.

use std::time::Duration;

use sagewright_decide::conditions::{self, ADVISORY};
use sagewright_decide::{Desired, Failure, Intent};
use sagewright_engine::reconcile::{Memory, Progress, Reconciled, Scope};
use sagewright_engine::{Outcome, Users};

use super::document::Document;
use super::{Context, Task};
use crate::api::ApiError;
use crate::conditions::find;
use crate::document;
use crate::events::{self, Note};
use crate::generated::{Generated, Turn, digits, set_name, turn};
use crate::references::References;
use crate::referents::gives;
use crate::remembered::Remembered;

/// The reason of the condition that says why older resources stay.
pub(super) const KEPT: &str = "OlderKept";

/// The pause before the next look at older resources, when something else is done first.
const SOON: Duration = Duration::from_secs(2);
/// The pause before AWS is asked again what uses them. What happens in the cluster leads to a look by itself.
const LATER: Duration = Duration::from_secs(1_800);

/// What came of giving a resource its name.
pub(super) enum Named {
    /// It has a name that it had before, or one that the object says: a listing may not show what was made under that name yet.
    Known,
    /// It has a name that nothing was made under.
    New,
    /// A reference has no value.
    Blocked(Box<Reconciled>),
    /// What is declared cannot be made.
    Wrong(String),
    /// The cluster does not keep the name.
    Forgotten,
}

/// Gives a resource its name where that is generated. One that is new stands in the status before anything of that name is
/// created.
pub(super) async fn declare(
    context: &Context,
    document: &mut Document<'_>,
    desired: &mut Desired,
    memory: &mut Memory,
    references: &References<'_>,
) -> Result<Named, ApiError> {
    let kind = document.kind;
    let remembered = &document.declared.remembered;
    let name = match &desired.generated {
        Some(names) => {
            let names = names.clone();
            if let Err(blocked) = context.engine.resolve(desired, memory, references).await {
                return Ok(Named::Blocked(blocked));
            }
            names.name(kind, &digits(kind, desired))
        }
        // One of them is declared by its name.
        None => match desired.name(kind).filter(|name| remembered.generated.contains(name)) {
            Some(name) => name,
            None => return Ok(Named::Known),
        },
    };
    set_name(kind, desired, &name);
    let mut generated = remembered.generated.clone();
    let before = document.object.arn().map(|_| document.object.metadata.name.as_str());
    if !generated.declare(&name, before) {
        return Ok(Named::Known);
    }
    let is_new = !remembered.generated.contains(&name);
    if is_new && let Err(why) = document::check(&desired.object) {
        return Ok(Named::Wrong(why));
    }
    // What is remembered is of the resource of before.
    let next = Remembered { generated, relied: remembered.relied, ..Remembered::default() };
    if !document.remember(&next).await? {
        return Ok(Named::Forgotten);
    }
    document.declared.remembered = next;
    *memory = Memory::default();
    Ok(if is_new { Named::New } else { Named::Known })
}

/// What a look did about older resources.
#[derive(Default)]
pub(super) struct Retired {
    /// The names that are left.
    pub(super) generated: Generated,
    /// Some of them may go.
    pub(super) retires: bool,
    /// When to look again for that.
    pub(super) again: Option<Duration>,
    /// Why they stay.
    pub(super) why: Option<String>,
    pub(super) notes: Vec<Note>,
}

/// Deletes one older resource, where nothing needs it any more: neither the objects that refer to this one, nor anything in
/// AWS.
pub(super) async fn retire(
    context: &Context,
    task: &Task,
    document: &Document<'_>,
    desired: &Desired,
    (scope, references): (&Scope, &References<'_>),
    done: &Reconciled,
) -> Retired {
    let mut generated = document.declared.remembered.generated.clone();
    let succeeded = done.progress == Progress::Done;
    if succeeded && desired.generated.is_some() {
        generated.is_as_declared(document.declared.hash);
    }
    let keep = desired.generated.as_ref().map_or(0, |names| names.keep);
    // Whoever retains what is deleted means older ones, too.
    let older = if desired.retain { Vec::new() } else { generated.older(keep).to_vec() };
    let settled = succeeded && !done.outcome.is_some_and(Outcome::is_write);
    let stored = gives(document.kind, &document.object);
    let mut retired = Retired { retires: !older.is_empty(), ..Retired::default() };
    // What was said stays said until AWS is asked again.
    let said = find(&document.object.status, ADVISORY).filter(|c| c.reason.as_deref() == Some(KEPT));
    retired.why = said.and_then(|said| said.message).filter(|_| retired.retires);
    let asks = match turn(&older, settled, stored, task.taken) {
        Turn::Nothing => None,
        // A look that is not done says itself when the next one is.
        Turn::Soon => {
            retired.again = Some(SOON).filter(|_| succeeded);
            None
        }
        Turn::Wait => {
            retired.again = Some(LATER);
            None
        }
        // Every one of them may read many resources.
        Turn::Ask => context.retiring.try_acquire().ok().or_else(|| {
            retired.again = Some(SOON);
            None
        }),
    };
    if let Some(_one_at_a_time) = asks {
        retired.again = Some(LATER);
        match free(context, document, desired, &older, scope).await {
            Ok(Some(name)) => {
                match delete(context, document, desired, &name, (scope, references)).await {
                    Deleted::Gone(notes) => {
                        generated.forget(&name);
                        retired.notes = notes;
                        retired.why = None;
                        retired.retires = older.len() > 1;
                        retired.again = Some(SOON).filter(|_| retired.retires);
                    }
                    Deleted::Not(done) => {
                        retired.why = Some(done.message);
                        retired.again = done.requeue.or(Some(LATER));
                    }
                };
            }
            Ok(None) => {}
            Err(why) => retired.why = Some(why),
        }
    }
    retired.generated = generated;
    retired
}

/// The first of several older resources that nothing uses; why there is none.
async fn free(
    context: &Context,
    document: &Document<'_>,
    desired: &Desired,
    older: &[String],
    scope: &Scope,
) -> Result<Option<String>, String> {
    let going: Vec<Desired> = older.iter().map(|name| to_go(document, desired, name)).collect();
    let users = context.engine.users_of(scope, &going).await.map_err(|failure: Failure| failure.to_string())?;
    let is_free = |users: &Option<Users>| users.as_ref().is_none_or(|u| u.by.is_empty() && u.unknown.is_empty());
    if let Some((name, _)) = older.iter().zip(&users).find(|(_, users)| is_free(users)) {
        return Ok(Some(name.clone()));
    }
    let used = |(name, users): (&String, &Option<Users>)| {
        let users = users.as_ref()?;
        let by: Vec<&str> = users.by.iter().map(String::as_str).collect();
        let unknown: Vec<&str> = users.unknown.iter().map(String::as_str).collect();
        Some(match by.as_slice() {
            [] => format!("`{name}` is kept: {}", unknown.join("; ")),
            by => format!("`{name}` is kept: {} uses it", by.join(", ")),
        })
    };
    Err(older.iter().zip(&users).filter_map(used).collect::<Vec<_>>().join("; "))
}

/// An older resource, which is to go.
fn to_go(document: &Document<'_>, desired: &Desired, name: &str) -> Desired {
    let mut older = Desired { intent: Intent::Absent, ..desired.clone() };
    older.generated.get_or_insert_default();
    set_name(document.kind, &mut older, name);
    older
}

/// What came of deleting an older resource.
enum Deleted {
    /// It is gone, or was not the object's.
    Gone(Vec<Note>),
    Not(Box<Reconciled>),
}

async fn delete(
    context: &Context,
    document: &Document<'_>,
    desired: &Desired,
    name: &str,
    (scope, references): (&Scope, &References<'_>),
) -> Deleted {
    let older = to_go(document, desired, name);
    let done = context.engine.reconcile(scope, &older, &mut Memory::default(), references).await;
    let notes = || events::acts(document.kind, &done);
    match (done.progress, done.outcome) {
        // A kind without a status is gone once AWS took the delete.
        (Progress::Done, _) | (Progress::Wrote, Some(Outcome::Deleted)) => Deleted::Gone(notes()),
        (Progress::Ended, Some(Outcome::Refused)) => Deleted::Gone(vec![Note::new(false, "Kept", done.message)]),
        _ => Deleted::Not(Box::new(done)),
    }
}

/// Deletes all older resources of an object that is to go; the last one goes with the object. What has to be done first,
/// otherwise.
pub(super) async fn clear(
    context: &Context,
    document: &mut Document<'_>,
    desired: &Desired,
    (scope, references): (&Scope, &References<'_>),
) -> (Vec<Note>, Option<Reconciled>) {
    let mut told = Vec::new();
    for name in document.declared.remembered.generated.others().to_vec() {
        match delete(context, document, desired, &name, (scope, references)).await {
            Deleted::Gone(notes) => {
                told.extend(notes);
                document.declared.remembered.generated.forget(&name);
            }
            Deleted::Not(done) => {
                // The object goes on to show its last resource.
                let mut status = document.object.status.clone();
                conditions::write(&mut status, &done.conditions);
                return (told, Some(Reconciled { status, resource: desired.name(document.kind), ..*done }));
            }
        }
    }
    (told, None)
}
