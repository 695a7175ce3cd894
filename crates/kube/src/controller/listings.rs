//! What AWS's listings show.

use std::time::Duration;

use sagewright_engine::Failure;
use sagewright_engine::watch::{Change, ListItem, NameHash, Settled};
use sagewright_kinds::Kind;
use sagewright_port::cloud::Target;
use tokio::time::Instant;

use super::Controller;
use crate::declared::Declared;
use crate::polls::PollId;
use crate::queue::{Id, KindIndex};
use crate::resync;

/// The pause before a look at what became of older resources.
const SOON: Duration = Duration::from_secs(2);

impl Controller {
    /// The watches of a kind have told all objects, so that a poll finds each of them.
    pub(super) fn listed(&mut self, kind: KindIndex) {
        if self.sources.values().filter(|source| source.kind == kind).all(|source| source.complete) {
            self.polls.start(kind);
        }
    }

    /// The poll that shows an object's resource is that of a target, and the resource's name is this.
    pub(super) fn join(&mut self, id: Id, kind: &'static Kind, target: &Target, name: Option<NameHash>) {
        let Some(kept) = self.objects.get(id) else { return };
        let index = kept.key.kind;
        let (before, named) = (kept.poll, kept.resource);
        let name = name.or(named);
        let stays = before.is_some_and(|poll| self.polls.get(poll).is_some_and(|poll| poll.target == *target));
        if stays && name == named {
            return;
        }
        // Joined first: a poll that nobody needs for a moment would begin anew.
        let poll = self.polls.join(index, kind, target);
        self.leave(id);
        if let (Some(poll), Some(name)) = (self.polls.get_mut(poll), name) {
            poll.claim(name, id);
        }
        if let Some(kept) = self.objects.get_mut(id) {
            (kept.poll, kept.resource) = (Some(poll), name);
        }
    }

    /// No poll is needed for an object any more.
    pub(super) fn leave(&mut self, id: Id) {
        let Some(kept) = self.objects.get_mut(id) else { return };
        let (Some(poll), name) = (kept.poll.take(), kept.resource.take()) else { return };
        if let (Some(poll), Some(name)) = (self.polls.get_mut(poll), name) {
            poll.release(name, id);
        }
        self.polls.leave(poll);
    }

    /// An object that this process sees for the first time: it waits for the first poll, may be settled, or is due.
    pub(super) fn consider(&mut self, id: Id, declared: &Declared) {
        let Some(kept) = self.objects.get_mut(id) else { return };
        let poll = kept.poll.and_then(|poll| self.polls.get(poll));
        if poll.is_some_and(|poll| !poll.ready) {
            kept.parked = true;
            return;
        }
        let shown = poll.and_then(|poll| poll.shown.as_ref());
        let hash = shown.zip(declared.resource.as_deref()).and_then(|(shown, name)| shown.hash(name));
        if kept.settled.is_some_and(|settled| settled.holds(declared.hash, hash)) {
            self.settle(id);
        } else {
            self.due(id);
        }
    }

    /// Nothing is to be done for an object until something changes, or it is time to look.
    fn settle(&mut self, id: Id) {
        let Some(kept) = self.objects.get_mut(id) else { return };
        kept.looked = Some((kept.hash, kept.deleting));
        (kept.parked, kept.made, kept.memory) = (false, None, None);
        let (index, retires) = (kept.key.kind, kept.retires);
        let refers = kept.refers.clone();
        self.released(&refers);
        self.queue.rest(id);
        if retires {
            self.queue.due(id, Instant::now() + SOON);
            return;
        }
        let pause = self.kind(index).and_then(|kind| resync::pause(&self.context.options, kind, true));
        if let Some(pause) = pause {
            self.queue.due(id, Instant::now() + resync::spread(pause, id));
        }
    }

    /// A poll came to its end.
    pub(super) fn polled(&mut self, id: PollId, changes: Result<Vec<Change>, Failure>) {
        let Some(poll) = self.polls.get_mut(id) else { return };
        let first = !std::mem::replace(&mut poll.ready, true);
        let (kind, target) = (poll.kind, poll.target.clone());
        let kind = self.kind(kind).map(Kind::name).unwrap_or_default();
        match changes {
            Ok(changes) => {
                if let Some(poll) = self.polls.get_mut(id) {
                    poll.failed = false;
                }
                for change in changes {
                    let (name, item) = match &change {
                        Change::Shown(item) => (NameHash::of(&item.name), Some(item)),
                        Change::Gone(name) => (*name, None),
                    };
                    if let Some(owner) = self.polls.get(id).and_then(|poll| poll.owner(name)) {
                        self.listing_changed(owner, item);
                    }
                }
            }
            Err(failure) => {
                if let Some(poll) = self.polls.get_mut(id)
                    && !std::mem::replace(&mut poll.failed, true)
                {
                    let region = target.region.as_str();
                    tracing::warn!(kind, region, error = %failure, "cannot list the resources in AWS; each is looked at by itself");
                }
            }
        }
        if first {
            // What the listing does not show as it was is looked at.
            for object in self.objects.ids(|kept| kept.parked && kept.poll == Some(id)) {
                self.due(object);
            }
        }
    }

    /// A look has ended, during which the listing showed something.
    pub(super) fn take_news(&mut self, id: Id) {
        let news = self.objects.get_mut(id).and_then(|kept| kept.news.take());
        if let Some(item) = news {
            self.listing_changed(id, item.as_ref().as_ref());
        }
    }

    /// The listing shows an object's resource otherwise than before, or not any more.
    fn listing_changed(&mut self, id: Id, item: Option<&ListItem>) {
        let Some(kept) = self.objects.get_mut(id) else { return };
        if self.queue.is_running(id) {
            kept.news = Some(Box::new(item.cloned()));
            return;
        }
        if kept.deleting {
            self.due(id);
            return;
        }
        let as_looked = kept.looked.is_none_or(|looked| looked == (kept.hash, false));
        // What its create's answer told is all there is.
        if let Some(item) = item.filter(|_| as_looked && kept.made == Some(kept.hash))
            && kept.memory.as_ref().is_none_or(|memory| memory.has_made(item.changed))
        {
            kept.settled = Some(Settled::new(kept.hash, item.hash));
            self.settle(id);
            return;
        }
        let holds = kept.settled.is_some_and(|settled| settled.holds(kept.hash, item.map(|item| item.hash)));
        if holds && as_looked {
            self.settle(id);
        } else {
            self.due(id);
        }
    }
}
