//! The engine's part of a look.

use std::sync::Arc;
use std::time::Duration;

use sagewright_decide::{Adoption, Intent};
use sagewright_engine::reconcile::{Memory, Progress, Reconciled, Scope};
use sagewright_port::cloud::Priority;

use super::conclude::{self, Refusal};
use super::document::Document;
use super::{Context, Looking, Task};
use crate::api::ApiError;
use crate::document;
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
    let desired = match document::desired(kind, &document.object, intent, policy, options, &context.claims) {
        Ok(desired) => desired,
        Err(message) => {
            let refusal = Refusal { reason: "InvalidSpec", message, again: None, terminal: true };
            return conclude::refused(context, document, memory, Some(placed.target), refusal).await;
        }
    };
    // Before anything is created.
    if !deleting && !document.declared.held && !desired.read_only {
        document.hold().await?;
    }
    let name = desired.name(kind).or_else(|| desired.arn.clone());
    let shown = task.listing.as_ref().filter(|(target, _)| *target == placed.target).map(|(_, shown)| shown);
    // Taken before the look: what changes during it leads to another one.
    let hash = shown.zip(name.as_deref()).and_then(|(shown, name)| shown.hash(name));
    // Where the status says that something was made, a listing that does not show it yet must not lead to a create.
    let may_be_new = deleting || document.object.arn().is_none();
    let listed = shown.zip(name.as_deref()).filter(|_| may_be_new).and_then(|(shown, name)| shown.observation(name));
    let priority = if task.settled { Priority::Background } else { Priority::default() };
    let scope = Scope { target: placed.target.clone(), claims: Arc::clone(&context.claims), priority };
    let references = References::new(&context.api, options.cross_namespace);
    let mut done: Reconciled;
    loop {
        let before = memory.clone();
        done = context.engine.reconcile_from_list(&scope, &desired, memory, &references, listed.as_ref()).await;
        if done.progress != Progress::Announced {
            break;
        }
        // A create that must not be sent twice: the next process has to know of it before it is sent.
        let mut status = document.object.status.clone();
        if !status.is_object() {
            status = serde_json::json!({});
        }
        Remembered { memory: memory.clone(), ..Remembered::default() }.write(&mut status);
        if let Err(error) = document.write_status(&status, true).await {
            *memory = before;
            return Err(error);
        }
    }
    let adopts = desired.adoption == Adoption::Adopt && document::is_to_adopt(&document.object);
    let listing = conclude::Listing { is_polled: shown.is_some(), hash };
    let relied = references.relied();
    let how = conclude::How { placed, listing, adopts, relied, waits: references.waits() };
    conclude::reconciled(context, document, memory, how, done).await
}
