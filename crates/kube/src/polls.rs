//! Polls of AWS's listings: one for each kind, account, region and role that objects need.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use sagewright_engine::watch::{NameHash, Shown, Watch};
use sagewright_kinds::Kind;
use sagewright_port::clock::Clock;
use sagewright_port::cloud::{Cloud, Target};
use tokio::sync::mpsc::Sender;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::message::Message;
use crate::queue::{Id, KindIndex};

/// A poll.
pub(crate) type PollId = u32;

/// How much longer pauses are where events tell what changes.
const STRETCH: u32 = 10;

/// What is kept of a poll.
pub(crate) struct Poll {
    pub(crate) target: Target,
    pub(crate) kind: KindIndex,
    /// What it has shown; nothing where the kind cannot be listed.
    pub(crate) shown: Option<Shown>,
    /// It came to its end once, well or not.
    pub(crate) ready: bool,
    /// The last one failed.
    pub(crate) failed: bool,
    /// Objects that use it.
    users: usize,
    /// Which object a resource belongs to.
    index: HashMap<NameHash, Id, foldhash::fast::FixedState>,
    /// Other objects of the same resource, in the order in which they came.
    others: HashMap<NameHash, Vec<Id>>,
    /// An event has come of its kind, account and region, in this process: others do.
    pub(crate) told: bool,
    /// The time between polls.
    every: watch::Sender<Duration>,
    /// What polls, before it was begun.
    watch: Option<Watch>,
    task: Option<AbortHandle>,
}

impl Poll {
    pub(crate) fn owner(&self, name: NameHash) -> Option<Id> {
        self.index.get(&name).copied()
    }

    /// The resource of that name belongs to an object. The first one keeps it: what follows is refused by AWS or by the engine, until
    /// the first one is gone.
    pub(crate) fn claim(&mut self, name: NameHash, id: Id) {
        if *self.index.entry(name).or_insert(id) != id {
            self.others.entry(name).or_default().push(id);
        }
    }

    pub(crate) fn release(&mut self, name: NameHash, id: Id) {
        let others = self.others.get_mut(&name);
        if self.index.get(&name) != Some(&id) {
            others.into_iter().for_each(|others| others.retain(|other| *other != id));
        } else if let Some(others) = others.filter(|others| !others.is_empty()) {
            self.index.insert(name, others.remove(0));
        } else {
            self.index.remove(&name);
        }
        if self.others.get(&name).is_some_and(Vec::is_empty) {
            self.others.remove(&name);
        }
    }
}

/// All polls.
pub(crate) struct Polls {
    cloud: Arc<dyn Cloud>,
    clock: Arc<dyn Clock>,
    every: Duration,
    /// Events can be read.
    events_come: bool,
    out: Sender<Message>,
    all: HashMap<PollId, Poll>,
    by: HashMap<(KindIndex, Target), PollId>,
    next: PollId,
    /// Kinds whose polls have begun.
    started: HashSet<KindIndex>,
}

impl Polls {
    pub(crate) fn new(cloud: Arc<dyn Cloud>, clock: Arc<dyn Clock>, every: Duration, out: Sender<Message>) -> Self {
        let (all, by, started) = (HashMap::new(), HashMap::new(), HashSet::new());
        Self { cloud, clock, every, events_come: false, out, all, by, next: 0, started }
    }

    pub(crate) fn get(&self, id: PollId) -> Option<&Poll> {
        self.all.get(&id)
    }

    pub(crate) fn get_mut(&mut self, id: PollId) -> Option<&mut Poll> {
        self.all.get_mut(&id)
    }

    /// The polls of a kind.
    pub(crate) fn of(&self, kind: KindIndex) -> impl Iterator<Item = (PollId, &Poll)> {
        self.all.iter().filter(move |(_, poll)| poll.kind == kind).map(|(id, poll)| (*id, poll))
    }

    /// An event has come of what a poll shows: the polls become rare, while events come.
    pub(crate) fn told(&mut self, id: PollId) {
        if let Some(poll) = self.all.get_mut(&id) {
            poll.told = true;
        }
        self.pace(id);
    }

    /// Events can be read, or cannot.
    pub(crate) fn events_come(&mut self, come: bool) {
        self.events_come = come;
        self.all.keys().copied().collect::<Vec<_>>().into_iter().for_each(|id| self.pace(id));
    }

    /// How many times longer a pause is, where events would end it.
    pub(crate) fn stretch(&self, id: PollId) -> u32 {
        let told = self.all.get(&id).is_some_and(|poll| poll.told);
        if told && self.events_come { STRETCH } else { 1 }
    }

    fn pace(&self, id: PollId) {
        let every = self.every.saturating_mul(self.stretch(id));
        if let Some(poll) = self.all.get(&id) {
            poll.every.send_if_modified(|before| std::mem::replace(before, every) != every);
        }
    }

    /// One more object needs the poll of its kind at a target.
    pub(crate) fn join(&mut self, index: KindIndex, kind: &'static Kind, target: &Target) -> PollId {
        if let Some(id) = self.by.get(&(index, target.clone())) {
            if let Some(poll) = self.all.get_mut(id) {
                poll.users += 1;
            }
            return *id;
        }
        let id = self.next;
        self.next = self.next.wrapping_add(1);
        let watch =
            Watch::new(Arc::clone(&self.cloud), Arc::clone(&self.clock), target.clone(), kind).every(self.every);
        let watch = Some(watch).filter(|watch| !watch.reads_each());
        let shown = watch.as_ref().map(Watch::shown);
        let poll = Poll {
            target: target.clone(),
            kind: index,
            ready: shown.is_none(),
            failed: false,
            shown,
            users: 1,
            index: HashMap::default(),
            others: HashMap::new(),
            told: false,
            every: watch::Sender::new(self.every),
            watch,
            task: None,
        };
        self.all.insert(id, poll);
        self.by.insert((index, target.clone()), id);
        if self.started.contains(&index) {
            self.begin(id);
        }
        id
    }

    /// Begins the polls of a kind: all of its objects are known, so that what the first poll shows finds its object.
    pub(crate) fn start(&mut self, kind: KindIndex) {
        if self.started.insert(kind) {
            let ids: Vec<PollId> = self.all.iter().filter(|(_, poll)| poll.kind == kind).map(|(id, _)| *id).collect();
            ids.into_iter().for_each(|id| self.begin(id));
        }
    }

    fn begin(&mut self, id: PollId) {
        if let Some(poll) = self.all.get_mut(&id)
            && let Some(watch) = poll.watch.take()
        {
            poll.task = Some(tokio::spawn(follow(watch, id, poll.every.subscribe(), self.out.clone())).abort_handle());
        }
    }

    /// An object needs it no longer. A poll that nobody needs ends.
    pub(crate) fn leave(&mut self, id: PollId) {
        let Some(poll) = self.all.get_mut(&id) else { return };
        poll.users = poll.users.saturating_sub(1);
        if poll.users > 0 {
            return;
        }
        if let Some(poll) = self.all.remove(&id) {
            self.by.remove(&(poll.kind, poll.target.clone()));
            if let Some(task) = poll.task {
                task.abort();
            }
        }
    }
}

/// Polls until nobody listens.
async fn follow(mut watch: Watch, id: PollId, mut every: watch::Receiver<Duration>, out: Sender<Message>) {
    // The first poll is told although it may show nothing.
    let mut changes = watch.poll().await;
    loop {
        if out.send(Message::Polled(id, changes)).await.is_err() {
            return;
        }
        changes = loop {
            tokio::select! {
                changes = watch.next() => break changes,
                Ok(()) = every.changed() => watch.set_every(*every.borrow_and_update()),
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_goes_on_to_the_next_object_that_names_it() {
        let target = Target::new("us-east-1".parse().unwrap());
        let mut poll = Poll {
            target,
            kind: 0,
            shown: None,
            ready: true,
            failed: false,
            users: 0,
            index: HashMap::default(),
            others: HashMap::new(),
            told: false,
            every: watch::Sender::new(Duration::ZERO),
            watch: None,
            task: None,
        };
        let name = NameHash::of("fraud");
        [1, 2, 3].into_iter().for_each(|id| poll.claim(name, id));
        assert_eq!(poll.owner(name), Some(1));
        poll.release(name, 2);
        assert_eq!(poll.owner(name), Some(1));
        poll.release(name, 1);
        assert_eq!(poll.owner(name), Some(3));
        poll.release(name, 3);
        assert!(poll.owner(name).is_none() && poll.others.is_empty());
    }
}
