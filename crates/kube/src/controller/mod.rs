//! The one task that knows all objects: it takes what happens, decides what is due, and begins looks.

mod cluster;
mod listings;
mod looks;
mod noticed;
mod referring;

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use sagewright_kinds::Kind;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::declared::Key;
use crate::kept::Objects;
use crate::look::{Context, Looked};
use crate::message::{Message, SourceId};
use crate::metrics::Gauges;
use crate::polls::Polls;
use crate::queue::{Id, KindIndex, Queue};
use crate::scope::Tables;
use cluster::Source;

/// Looks at the same time, in all.
const AT_ONCE: usize = 64;
/// Messages that are taken before looks are begun again.
const BATCH: usize = 256;
/// How long looks that are under way may go on after the operator was told to end.
const GRACE: Duration = Duration::from_secs(25);
/// Between updates of the gauges.
const GAUGES_EVERY: Duration = Duration::from_secs(5);

/// What is known before anything may be looked at.
#[derive(Debug, Default, Clone, Copy)]
struct Known {
    namespaces: bool,
    accounts: bool,
    teams: bool,
    selectors: bool,
}

/// Whether the operator is ready, for its health page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Readiness {
    /// Every watch has shown all of its objects once.
    pub(crate) synced: bool,
}

/// The controller.
pub(crate) struct Controller {
    context: Arc<Context>,
    kinds: HashMap<KindIndex, &'static Kind>,
    objects: Objects,
    queue: Queue,
    polls: Polls,
    tables: Arc<Tables>,
    /// The tables for others, once they are known.
    published: watch::Sender<Option<Arc<Tables>>>,
    known: Known,
    sources: HashMap<SourceId, Source>,
    next_source: SourceId,
    looks: JoinSet<Looked>,
    running: HashMap<tokio::task::Id, (Id, Instant)>,
    /// Which objects wait for another one.
    waiting: HashMap<Key, Vec<Id>>,
    /// Which objects refer to another one.
    referrers: HashMap<Key, Vec<Id>>,
    /// Referrers under a look, during which what they refer to gave another value.
    rechecks: HashSet<Id>,
    /// When events lead to looks.
    hints: noticed::Hints,
    inbox: mpsc::Receiver<Message>,
    out: mpsc::Sender<Message>,
    readiness: watch::Sender<Readiness>,
    /// Kinds that are served, before anything is watched.
    served: Vec<KindIndex>,
    /// Kinds that were said to be missing.
    missing: Vec<KindIndex>,
}

impl Controller {
    pub(crate) fn new(
        context: Arc<Context>,
        kinds: Vec<(KindIndex, &'static Kind)>,
        polls: Polls,
        (tables, published): (Tables, watch::Sender<Option<Arc<Tables>>>),
        (out, inbox): (mpsc::Sender<Message>, mpsc::Receiver<Message>),
        readiness: watch::Sender<Readiness>,
    ) -> Self {
        let at_once = sagewright_kinds::all().iter().map(|kind| context.options.at_once(kind));
        let options = &context.options;
        let scopes = options.knows_namespaces();
        let known = Known {
            namespaces: !scopes,
            accounts: !(scopes && options.carm) || options.gates.iam_role_selector,
            teams: !(scopes && options.carm && options.gates.team_level_carm) || options.gates.iam_role_selector,
            selectors: !options.gates.iam_role_selector,
        };
        Self {
            queue: Queue::new(at_once, AT_ONCE),
            context,
            kinds: kinds.into_iter().collect(),
            objects: Objects::default(),
            polls,
            tables: Arc::new(tables),
            published,
            known,
            sources: HashMap::new(),
            next_source: 0,
            looks: JoinSet::new(),
            running: HashMap::new(),
            waiting: HashMap::new(),
            referrers: HashMap::new(),
            rechecks: HashSet::new(),
            hints: noticed::Hints::default(),
            inbox,
            out,
            readiness,
            served: Vec::new(),
            missing: Vec::new(),
        }
    }

    /// Runs until `stop` completes, and lets looks that are under way end.
    pub(crate) async fn run(mut self, served: Vec<KindIndex>, stop: impl Future<Output = ()>) {
        self.serve(served);
        let mut stop = std::pin::pin!(stop);
        let mut gauges = tokio::time::interval(GAUGES_EVERY);
        loop {
            self.publish();
            self.begin_looks();
            let next = self.next();
            tokio::select! {
                () = &mut stop => break,
                message = self.inbox.recv() => {
                    let Some(message) = message else { break };
                    self.take(message);
                    self.take_more();
                }
                Some(done) = self.looks.join_next_with_id(), if !self.looks.is_empty() => self.ended(done),
                () = tokio::time::sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {}
                _ = gauges.tick() => self.show_gauges(),
            }
        }
        // Nobody is to tell of what nothing is done about.
        self.inbox.close();
        let left = async { while self.looks.join_next().await.is_some() {} };
        if tokio::time::timeout(GRACE, left).await.is_err() {
            tracing::warn!(
                "looks that are under way do not end; what they began goes on in AWS and is found by the next process"
            );
        }
    }

    /// When the next look begins; nothing while scopes are not known.
    fn next(&self) -> Option<Instant> {
        self.is_informed().then(|| self.queue.next()).flatten()
    }

    fn take_more(&mut self) {
        for _ in 1..BATCH {
            let Ok(message) = self.inbox.try_recv() else { return };
            self.take(message);
        }
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Objects(source, what) => self.objects_changed(source, what),
            Message::Unserved(source) => self.unserved(source),
            Message::Served(kinds) => self.serve(kinds),
            Message::Namespaces(what) => self.namespaces_changed(what),
            Message::Roles(map, data) => self.roles_changed(map, data),
            Message::Selectors(what) => self.selectors_changed(what),
            Message::Polled(poll, changes) => self.polled(poll, changes),
            Message::Noticed(notices, answer) => {
                let heard = notices.iter().map(|notice| self.noticed(notice)).collect();
                // Who told may be gone.
                drop(answer.send(heard));
            }
            Message::EventsCome(come) => self.events_come(come),
        }
    }

    /// Whether what scopes are told from is known: an object must not be created in the wrong account.
    fn is_informed(&self) -> bool {
        let Known { namespaces, accounts, teams, selectors } = self.known;
        namespaces && accounts && teams && selectors
    }

    /// Gives others the tables as they are now.
    fn publish(&self) {
        let is_same =
            |known: &Option<Arc<Tables>>| known.as_ref().is_some_and(|known| Arc::ptr_eq(known, &self.tables));
        if self.is_informed() && !is_same(&self.published.borrow()) {
            self.published.send_replace(Some(Arc::clone(&self.tables)));
        }
    }

    fn kind(&self, index: KindIndex) -> Option<&'static Kind> {
        self.kinds.get(&index).copied()
    }

    /// The object is due now.
    fn due(&mut self, id: Id) {
        if let Some(kept) = self.objects.get_mut(id) {
            kept.parked = false;
        }
        self.queue.due(id, Instant::now());
    }

    fn show_readiness(&self) {
        let synced = self.is_informed() && self.sources.values().all(|source| source.complete);
        self.readiness.send_if_modified(|before| std::mem::replace(&mut before.synced, synced) != synced);
    }

    fn show_gauges(&self) {
        let now = Instant::now();
        let mut all: HashMap<KindIndex, Gauges> = HashMap::new();
        for source in self.sources.values() {
            all.entry(source.kind).or_default();
        }
        for (id, kept) in self.objects.iter() {
            let gauges = all.entry(kept.key.kind).or_default();
            gauges.objects += 1;
            gauges.settled += u64::from(kept.settled.is_some());
            gauges.running += u64::from(self.queue.is_running(id));
        }
        for (index, mut gauges) in all {
            let Some(kind) = self.kind(index) else { continue };
            gauges.due = self.queue.depth(index, now) as u64;
            gauges.at_once = self.context.options.at_once(kind) as u64;
            self.context.metrics.set(kind.name(), gauges);
        }
    }
}
