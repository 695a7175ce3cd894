//! The engine's part of a look.

use std::sync::Arc;
use std::time::Duration;

use sagewright_decide::{Adoption, Intent};
use sagewright_engine::reconcile::{Memory, Progress, Scope};
use sagewright_port::cloud::Priority;

use super::conclude::{self, Refusal};
use super::document::Document;
use super::generated::{self, Named, Retired};
use super::{Context, Looking, Task};
use crate::api::ApiError;
use crate::document;
use crate::options::DeletionPolicy;
use crate::references::References;
use crate::remembered::Remembered;
use crate::scope::{self, Refused};

/// ACK's pause before it looks for a missing role again.
const ROLE_MISSING: Duration = Duration::from_secs(15);

/// Takes an object one step further.
pub(super) async fn reconcile(
    context: &Context,
    task: &Task,
    mut document: Document<'_>,
    memory: &mut Memory,
) -> Result<Looking, ApiError> {
    let (kind, options) = (task.kind, &context.options);
    let deleting = document.declared.deleting;
    let subject = document.declared.subject(kind, &task.key.namespace);
    let placed = match scope::place(options, &task.tables, subject) {
        Ok(placed) => placed,
        Err(refused) => {
            let (message, again, terminal) = match refused {
                Refused::NoRole(message) => (message, Some(ROLE_MISSING), false),
                Refused::Wrong(message) => (message, None, true),
            };
            let refusal = Refusal { reason: "ScopeNotAvailable", message, again, terminal };
            return conclude::refused(context, document, memory, None, refusal).await;
        }
    };
    let said = document.object.annotation(sagewright_objects::keys::DELETION_POLICY);
    let policy = scope::deletion_policy(options, &task.tables, kind, &task.key.namespace, said);
    let intent = if deleting { Intent::Absent } else { Intent::Present };
    if deleting && options.gates.read_only && document.object.is_read_only() {
        document.release().await?;
        return Ok(Looking::Gone);
    }
    let mut desired = match document::desired(kind, &document.object, intent, policy, options, &context.claims) {
        Ok(desired) => desired,
        Err(message) => {
            let refusal = Refusal { reason: "InvalidSpec", message, again: None, terminal: true };
            return conclude::refused(context, document, memory, Some(placed.target), refusal).await;
        }
    };
    if deleting && desired.generated.is_some() && document.declared.resource.is_none() {
        // Nothing was made: the name of what would be stands in the status before that.
        document.release().await?;
        return Ok(Looking::Gone);
    }
    // Before anything is created.
    if !deleting && !document.declared.held && !desired.read_only {
        document.hold().await?;
    }
    let priority = if task.settled { Priority::Background } else { Priority::default() };
    let scope = Scope { target: placed.target.clone(), claims: Arc::clone(&context.claims), priority };
    let references = References::new(&context.api, options.cross_namespace);
    // A name that is generated follows from the values of references, and older resources have other ones.
    let (mut early, mut is_renamed) = (None, false);
    if deleting && policy == DeletionPolicy::Delete {
        let (told, left) = generated::clear(context, &mut document, &desired, (&scope, &references)).await;
        conclude::tell(context, &document, &told);
        early = left;
    } else if !deleting {
        match generated::declare(context, &mut document, &mut desired, memory, &references).await? {
            Named::Known => {}
            Named::New => is_renamed = true,
            Named::Blocked(done) => early = Some(*done),
            Named::Forgotten => {
                let refusal = Refusal::forgets(kind);
                return conclude::refused(context, document, memory, Some(placed.target), refusal).await;
            }
            Named::Wrong(message) => {
                let refusal = Refusal { reason: "InvalidSpec", message, again: None, terminal: true };
                return conclude::refused(context, document, memory, Some(placed.target), refusal).await;
            }
        }
    }
    let name = desired.name(kind).or_else(|| desired.arn.clone());
    let shown = task.listing.as_ref().filter(|(target, _)| *target == placed.target).map(|(_, shown)| shown);
    // Taken before the look: what changes during it leads to another one.
    let hash = shown.zip(name.as_deref()).and_then(|(shown, name)| shown.hash(name));
    // Where the status says that something was made, a listing that does not show it yet must not lead to a create.
    let may_be_new = deleting || is_renamed || document.object.arn().is_none();
    let listed = shown.zip(name.as_deref()).filter(|_| may_be_new).and_then(|(shown, name)| shown.observation(name));
    let done = loop {
        if let Some(early) = early.take() {
            break early;
        }
        let before = memory.clone();
        let done = context.engine.reconcile_from_list(&scope, &desired, memory, &references, listed.as_ref()).await;
        if done.progress != Progress::Announced {
            break done;
        }
        // A create that must not be sent twice: the next process has to know of it before it is sent.
        let generated = document.declared.remembered.generated.clone();
        let remembered = Remembered { memory: memory.clone(), generated, ..Remembered::default() };
        let kept = document.remember(&remembered).await;
        if !matches!(kept, Ok(true)) {
            *memory = before;
        }
        if !kept? {
            return conclude::refused(context, document, memory, Some(placed.target), Refusal::forgets(kind)).await;
        }
    };
    let adopts = desired.adoption == Adoption::Adopt && document::is_to_adopt(&document.object);
    let listing = conclude::Listing { is_polled: shown.is_some(), hash };
    let retired = if deleting {
        Retired { generated: document.declared.remembered.generated.clone(), ..Retired::default() }
    } else {
        generated::retire(context, task, &document, &desired, (&scope, &references), &done).await
    };
    let relied = references.relied();
    let how = conclude::How { placed, listing, adopts, retired, relied, waits: references.waits() };
    conclude::reconciled(context, document, memory, how, done).await
}
