//! What happens in the cluster.

use std::collections::BTreeMap;
use std::hash::BuildHasher as _;
use std::sync::Arc;

use foldhash::fast::FixedState;
use sagewright_engine::watch::ContentHash;
use sagewright_kinds::Kind;
use tokio::task::AbortHandle;

use super::Controller;
use crate::declared::{Declared, Key};
use crate::kept::Kept;
use crate::message::{SourceId, Watched};
use crate::queue::{Id, KindIndex};
use crate::scope::{self, Namespace, RoleSelector, account_map, team_map};
use crate::watching;

/// A watch of a kind, in one namespace or in all.
pub(super) struct Source {
    pub(super) kind: KindIndex,
    namespace: Option<String>,
    /// How often it told everything.
    round: u32,
    /// It told everything once.
    pub(super) complete: bool,
    task: AbortHandle,
}

impl Controller {
    /// Watches kinds that the cluster serves and that are not watched yet: once it is known what scopes are told from, so that each
    /// object is looked for where its resource is.
    pub(super) fn serve(&mut self, served: Vec<KindIndex>) {
        if !self.is_informed() && self.sources.is_empty() {
            self.served = served;
            return;
        }
        if served.is_empty() && !self.sources.is_empty() {
            return;
        }
        for index in &served {
            let Some(kind) = self.kind(*index) else { continue };
            if self.missing.contains(index) {
                tracing::info!(kind = kind.name(), "the CRD is there now");
                self.missing.retain(|missing| missing != index);
            }
            self.watch(*index, kind);
        }
        let missing: Vec<KindIndex> =
            self.kinds.keys().copied().filter(|i| !served.contains(i) && !self.missing.contains(i)).collect();
        if !missing.is_empty() {
            let mut names: Vec<&str> = missing.iter().filter_map(|i| self.kind(*i)).map(Kind::name).collect();
            names.sort_unstable();
            let kinds = names.join(", ");
            tracing::info!(kinds, "these kinds have no CRD in the cluster; they are looked for again every 10 seconds");
            self.missing.extend(missing);
        }
        self.show_readiness();
    }

    /// What scopes are told from has changed, and may be known now.
    fn informed(&mut self) {
        let served = std::mem::take(&mut self.served);
        if served.is_empty() { self.show_readiness() } else { self.serve(served) }
    }

    /// Watches a kind in each namespace in which it is not watched yet.
    fn watch(&mut self, index: KindIndex, kind: &'static Kind) {
        for namespace in watching::places(&self.context.options.namespaces) {
            if self.sources.values().any(|source| source.kind == index && source.namespace == namespace) {
                continue;
            }
            let id = self.next_source;
            self.next_source = self.next_source.wrapping_add(1);
            let labels = self.context.options.label_selector.clone();
            let client = self.context.api.client();
            let watch = watching::objects(client, (index, kind), namespace.clone(), labels, id, self.out.clone());
            let task = tokio::spawn(watch).abort_handle();
            self.sources.insert(id, Source { kind: index, namespace, round: 0, complete: false, task });
        }
    }

    /// The kind of a watch is not served any more: its objects went with their CRD.
    pub(super) fn unserved(&mut self, source: SourceId) {
        let Some(gone) = self.sources.remove(&source) else { return };
        gone.task.abort();
        for id in self.objects.ids(|kept| kept.source == source) {
            self.forget(id);
        }
        if self.missing.contains(&gone.kind) {
            return;
        }
        if let Some(kind) = self.kind(gone.kind) {
            tracing::warn!(kind = kind.name(), "the cluster does not serve this kind any more");
        }
        self.missing.push(gone.kind);
    }

    pub(super) fn objects_changed(&mut self, source: SourceId, what: Watched<Box<(Key, Declared)>, (Key, String)>) {
        let Some(from) = self.sources.get_mut(&source) else { return };
        match what {
            Watched::Reset => from.round = from.round.wrapping_add(1),
            Watched::Shown(shown) => {
                let round = from.round;
                let (key, declared) = *shown;
                self.shown(source, round, key, declared);
            }
            Watched::Complete => {
                from.complete = true;
                let (round, kind) = (from.round, from.kind);
                // What was not told is gone.
                for id in self.objects.ids(|kept| kept.source == source && kept.round != round) {
                    self.forget(id);
                }
                self.listed(kind);
                self.show_readiness();
            }
            Watched::Gone((key, uid)) => {
                let id = self.objects.id(&key);
                // Another one of the same name may be there by now.
                if let Some(id) = id.filter(|id| self.objects.get(*id).is_some_and(|kept| *kept.uid == uid)) {
                    self.forget(id);
                }
            }
        }
    }

    /// Nothing is to be kept of an object. A look that is under way goes on.
    pub(super) fn forget(&mut self, id: Id) {
        self.queue.rest(id);
        if self.queue.is_running(id) {
            // The end of the look finds that it is gone.
            self.queue.due(id, tokio::time::Instant::now());
            return;
        }
        self.remove(id);
    }

    /// Nothing is kept of an object any more.
    pub(super) fn remove(&mut self, id: Id) {
        self.leave(id);
        let refers = self.objects.get(id).map(|kept| kept.refers.clone()).unwrap_or_default();
        self.refer(id, Box::default());
        self.wait(id, Box::default());
        self.rechecks.remove(&id);
        self.objects.remove(id);
        self.released(&refers);
    }

    fn shown(&mut self, source: SourceId, round: u32, key: Key, mut declared: Declared) {
        let Some(kind) = self.kind(key.kind) else { return };
        if declared.deleting && !declared.held {
            // Others hold it, or nobody.
            if let Some(id) = self.objects.id(&key) {
                if let Some(kept) = self.objects.get_mut(id) {
                    kept.round = round;
                }
                self.queue.rest(id);
            }
            return;
        }
        let labels = if self.context.options.gates.iam_role_selector {
            FixedState::default().hash_one(&declared.labels)
        } else {
            0
        };
        let known = self.objects.id(&key);
        let id = known.unwrap_or_else(|| {
            let index = key.kind;
            let id = self.objects.insert(Kept {
                key: Arc::new(key),
                uid: declared.uid.as_str().into(),
                source,
                round,
                hash: declared.hash,
                deleting: declared.deleting,
                looked: None,
                memory: None,
                settled: None,
                made: None,
                synced: declared.synced,
                says_synced: false,
                retires: false,
                gives: 0,
                labels,
                waits: Box::default(),
                refers: Box::default(),
                relied: declared.remembered.relied,
                poll: None,
                resource: None,
                parked: false,
                refused: 0,
                news: None,
            });
            self.queue.insert(id, index);
            id
        });
        let Some(kept) = self.objects.get_mut(id) else { return };
        let is_other = *kept.uid != declared.uid;
        if is_other {
            kept.uid = declared.uid.as_str().into();
            (kept.looked, kept.memory, kept.settled, kept.made) = (None, None, None, None);
            (kept.synced, kept.says_synced) = (declared.synced, false);
            kept.relied = declared.remembered.relied;
        }
        (kept.round, kept.hash, kept.deleting) = (round, declared.hash, declared.deleting);
        kept.retires = declared.retires && !declared.deleting;
        if known.is_none() || is_other {
            // What an earlier process remembered of this declaration.
            let remembered = &declared.remembered;
            // A status that does not say so was written by somebody else: the look mends it.
            kept.settled = remembered.settled.filter(|_| declared.synced);
            let is_made = |made: &ContentHash| *made == declared.hash && remembered.memory.has_made(None);
            kept.made = remembered.made.filter(|made| declared.synced && is_made(made));
        }
        let relabelled = std::mem::replace(&mut kept.labels, labels) != labels;
        // It was settled, and its status says so no more: somebody else wrote it.
        let said = std::mem::replace(&mut kept.says_synced, declared.synced);
        let lost = kept.settled.is_some() && said && !declared.synced;
        let changed = relabelled || lost || kept.looked != Some((declared.hash, declared.deleting));
        let (is_new, deleting) = (kept.looked.is_none(), declared.deleting);
        self.refer(id, std::mem::take(&mut declared.refers));
        self.gave(id, declared.gives);
        if !changed {
            return;
        }
        let name = declared.name_hash();
        if let Ok(placed) =
            scope::place(&self.context.options, &self.tables, declared.subject(kind, &self.namespace(id)))
        {
            self.join(id, kind, &placed.target, name);
        }
        if deleting || !is_new {
            self.due(id);
        } else {
            self.consider(id, &declared);
            self.check_relied(id);
        }
    }

    fn namespace(&self, id: Id) -> String {
        self.objects.get(id).map(|kept| kept.key.namespace.to_string()).unwrap_or_default()
    }

    pub(super) fn namespaces_changed(&mut self, what: Watched<(String, Namespace), String>) {
        let tables = Arc::make_mut(&mut self.tables);
        match what {
            // Those that went with a gap have no objects any more.
            Watched::Reset => {}
            Watched::Complete => {
                self.known.namespaces = true;
                self.informed();
            }
            Watched::Shown((name, namespace)) => {
                if tables.namespaces.set(&name, namespace) && self.known.namespaces {
                    self.rescope(|kept| *kept.key.namespace == name);
                }
            }
            Watched::Gone(name) => tables.namespaces.remove(&name),
        }
    }

    pub(super) fn roles_changed(&mut self, map: &'static str, data: BTreeMap<String, String>) {
        let changed = Arc::make_mut(&mut self.tables).accounts.set(map, data);
        let known = match map {
            _ if map == account_map() => &mut self.known.accounts,
            _ if map == team_map() => &mut self.known.teams,
            _ => return,
        };
        let was_known = std::mem::replace(known, true);
        if changed && was_known {
            self.rescope(|_| true);
        }
        self.informed();
    }

    pub(super) fn selectors_changed(&mut self, what: Watched<(String, Option<RoleSelector>), String>) {
        let selectors = &mut Arc::make_mut(&mut self.tables).selectors;
        let changed = match what {
            Watched::Reset => {
                // What is told again is no change, and what is not told again is gone.
                for name in selectors.names() {
                    selectors.set(&name, None);
                }
                self.known.selectors = false;
                false
            }
            Watched::Complete => !std::mem::replace(&mut self.known.selectors, true),
            Watched::Shown((name, selector)) => selectors.set(&name, selector) && self.known.selectors,
            Watched::Gone(name) => selectors.set(&name, None) && self.known.selectors,
        };
        if changed {
            self.rescope(|kept| kept.looked.is_some());
        }
        self.informed();
    }

    /// Objects whose scope may have changed are looked at.
    fn rescope(&mut self, of: impl Fn(&Kept) -> bool) {
        for id in self.objects.ids(of) {
            self.due(id);
        }
    }
}
