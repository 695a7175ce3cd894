//! Looks: which begin, and what they come to.

use std::sync::Arc;
use std::time::Duration;

use sagewright_engine::reconcile::Memory;
use sagewright_engine::watch::NameHash;
use sagewright_kinds::Kind;
use tokio::task::JoinError;
use tokio::time::Instant;

use super::Controller;
use crate::declared::Key;
use crate::generated::Taken;
use crate::look::{self, Found, Looked, Looking, Task};
use crate::queue::Id;
use crate::resync;

/// The pause after a look that ended by a fault of this program.
const AFTER_A_FAULT: Duration = Duration::from_secs(60);

impl Controller {
    /// Begins as many looks as may be under way.
    pub(super) fn begin_looks(&mut self) {
        if !self.is_informed() {
            return;
        }
        while let Some(id) = self.queue.take(Instant::now()) {
            match self.task(id) {
                Some(task) => {
                    let context = Arc::clone(&self.context);
                    let handle = self.looks.spawn(async move { look::look(&context, task).await });
                    self.running.insert(handle.id(), (id, Instant::now()));
                }
                None => drop(self.queue.done(id)),
            }
        }
    }

    /// Whether it is known what a namespace says. The watch of namespaces may show a new one after its first objects, which
    /// must not be created in another account; they are due when it is shown.
    fn knows_namespace(&self, name: &str) -> bool {
        !self.context.options.knows_namespaces() || self.tables.namespaces.of(name).is_some()
    }

    fn task(&mut self, id: Id) -> Option<Task> {
        let object = self.objects.get(id)?;
        if !object.deleting && !self.knows_namespace(&object.key.namespace) {
            return None;
        }
        let index = object.key.kind;
        let kind = self.kind(index)?;
        let poll = self.objects.get(id)?.poll.and_then(|poll| self.polls.get(poll));
        let listing =
            poll.filter(|poll| !poll.failed).and_then(|poll| Some((poll.target.clone(), poll.shown.clone()?)));
        let taken = self.objects.get(id).filter(|kept| kept.retires).map_or(Taken::Unknown, |kept| self.taken(kept));
        let kept = self.objects.get_mut(id)?;
        // What is told of this declaration meanwhile is no news.
        kept.looked = Some((kept.hash, kept.deleting));
        let settled = kept.settled.take().is_some();
        // The first look of a process goes on from what the status says.
        let known = kept.memory.take().map(|memory| (kept.uid.clone(), *memory));
        let (key, tables) = (Arc::clone(&kept.key), Arc::clone(&self.tables));
        Some(Task { key, kind, known, listing, settled, taken, tables })
    }

    /// A look has ended.
    pub(super) fn ended(&mut self, done: Result<(tokio::task::Id, Looked), JoinError>) {
        let task = match &done {
            Ok((task, _)) => *task,
            Err(error) => error.id(),
        };
        let Some((id, since)) = self.running.remove(&task) else { return };
        let again = self.queue.done(id);
        let Some(kept) = self.objects.get(id) else { return };
        let kind = self.kind(kept.key.kind).map(Kind::name).unwrap_or_default();
        match done {
            Ok((_, looked)) => self.looked(id, kind, looked, again, since),
            Err(error) => {
                let (namespace, name) = (&*kept.key.namespace, &*kept.key.name);
                tracing::error!(kind, namespace, name, %error, "a look ended by a fault of this program; it is tried again");
                self.context.metrics.looked(kind, "error", since.elapsed());
                self.queue.due(id, Instant::now() + AFTER_A_FAULT);
            }
        }
    }

    fn looked(&mut self, id: Id, kind: &'static str, looked: Looked, again: bool, since: Instant) {
        let took = since.elapsed();
        let Some(kept) = self.objects.get_mut(id) else { return };
        // What another object of the same name left is not this one's.
        let known = looked.known.filter(|(uid, memory)| *uid == kept.uid && *memory != Memory::default());
        kept.memory = known.map(|(_, memory)| Box::new(memory));
        if looked.result.is_ok() {
            kept.refused = 0;
        }
        match looked.result {
            Ok(Looking::Gone) => {
                self.context.metrics.looked(kind, "success", took);
                self.remove(id);
            }
            Ok(Looking::Found(found)) => {
                self.context.metrics.looked(kind, found.result, took);
                self.found(id, *found, again);
            }
            Err(error) => {
                let (namespace, name) = (kept.key.namespace.to_string(), kept.key.name.to_string());
                self.context.metrics.looked(kind, "error", took);
                if error.is_conflict() {
                    tracing::debug!(kind, namespace, name, %error, "somebody else changed the object; trying again");
                } else {
                    tracing::warn!(kind, namespace, name, %error, "cannot read or write the object; trying again");
                }
                kept.refused = if error.is_refusal() { kept.refused.saturating_add(1) } else { 0 };
                let pause = Looked::pause(&error, kept.refused);
                self.queue.due(id, Instant::now() + pause);
            }
        }
        self.take_news(id);
    }

    fn found(&mut self, id: Id, found: Found, again: bool) {
        let Found { hash, deleting, target, resource, settled, made, again: pause, synced, .. } = found;
        let Found { retires, relied, waits, changing, .. } = found;
        let Some(kept) = self.objects.get_mut(id) else { return };
        kept.looked = Some((hash, deleting));
        (kept.settled, kept.made, kept.relied) = (settled, made, relied);
        (kept.synced, kept.retires) = (synced, retires);
        let key = Arc::clone(&kept.key);
        let is_newer = (kept.hash, kept.deleting) != (hash, deleting);
        match (self.kind(key.kind), target) {
            (Some(kind), Some(target)) => self.join(id, kind, &target, resource.as_deref().map(NameHash::of)),
            _ => self.leave(id),
        }
        if again {
            self.due(id);
        } else if let Some(pause) = pause {
            let poll = self.objects.get(id).and_then(|kept| kept.poll).filter(|_| changing);
            // An event tells when it has changed.
            let pause = pause.saturating_mul(poll.map_or(1, |poll| self.polls.stretch(poll)));
            let pause = if settled.is_some() { resync::spread(pause, id) } else { pause };
            self.queue.due(id, Instant::now() + pause);
        }
        // The document was newer than what the watch has shown, which follows.
        if is_newer && let Some(kept) = self.objects.get_mut(id) {
            kept.hash = hash;
        }
        self.wait(id, waits.iter().filter_map(|(kind, on)| Key::of(kind, on)).collect());
        if self.rechecks.remove(&id) {
            self.check_relied(id);
        }
        if synced {
            let refers = self.objects.get(id).map(|kept| kept.refers.clone()).unwrap_or_default();
            self.released(&refers);
            for waiting in self.waiting.remove(&*key).unwrap_or_default() {
                if self.queue.is_running(waiting) {
                    // Its look may have seen this; the watch tells otherwise.
                    self.rechecks.insert(waiting);
                } else if self.objects.get(waiting).is_some() {
                    self.due(waiting);
                }
            }
        }
    }
}
