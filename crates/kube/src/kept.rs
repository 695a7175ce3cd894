//! What is kept of all objects: a few words of each.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::FixedState;
use sagewright_engine::reconcile::Memory;
use sagewright_engine::watch::{ContentHash, ListItem, NameHash, Settled};

use crate::declared::Key;
use crate::message::SourceId;
use crate::polls::PollId;
use crate::queue::Id;
use crate::referents::Given;

/// What is kept of an object.
pub(crate) struct Kept {
    pub(crate) key: Arc<Key>,
    pub(crate) uid: Box<str>,
    /// The watch that shows it, and which of its listings did last.
    pub(crate) source: SourceId,
    pub(crate) round: u32,
    /// What was last shown to be declared.
    pub(crate) hash: ContentHash,
    pub(crate) deleting: bool,
    /// What was declared, and whether it was to go, at the last look.
    pub(crate) looked: Option<(ContentHash, bool)>,
    /// What this process remembers of it.
    pub(crate) memory: Option<Box<Memory>>,
    pub(crate) settled: Option<Settled>,
    /// What was declared when its resource was created, where nothing was looked at since.
    pub(crate) made: Option<ContentHash>,
    /// It was as declared at the last look.
    pub(crate) synced: bool,
    /// Its status said so when it was last shown.
    pub(crate) says_synced: bool,
    /// It has made older resources that may go.
    pub(crate) retires: bool,
    /// What it gives to those that refer to it, as last shown.
    pub(crate) gives: Given,
    /// Stands for its labels, where they say its role.
    pub(crate) labels: u64,
    /// The objects that it waits for.
    pub(crate) waits: Box<[Key]>,
    /// The objects that it refers to, and what they gave at the last look.
    pub(crate) refers: Box<[Key]>,
    pub(crate) relied: Given,
    /// The poll that shows its resource, and the resource's name there.
    pub(crate) poll: Option<PollId>,
    pub(crate) resource: Option<NameHash>,
    /// It waits for the first poll.
    pub(crate) parked: bool,
    /// Looks in a row of which the API server refused a request.
    pub(crate) refused: u8,
    /// What the listing showed of its resource during a look, or that it did not show it any more.
    pub(crate) news: Option<Box<Option<ListItem>>>,
}

/// All objects.
#[derive(Default)]
pub(crate) struct Objects {
    by_key: HashMap<Arc<Key>, Id, FixedState>,
    all: Vec<Option<Kept>>,
    free: Vec<Id>,
}

impl Objects {
    pub(crate) fn id(&self, key: &Key) -> Option<Id> {
        self.by_key.get(key).copied()
    }

    pub(crate) fn get(&self, id: Id) -> Option<&Kept> {
        self.all.get(id as usize)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, id: Id) -> Option<&mut Kept> {
        self.all.get_mut(id as usize)?.as_mut()
    }

    pub(crate) fn insert(&mut self, kept: Kept) -> Id {
        let id = self.free.pop().unwrap_or_else(|| {
            self.all.push(None);
            Id::try_from(self.all.len() - 1).unwrap_or(Id::MAX)
        });
        self.by_key.insert(Arc::clone(&kept.key), id);
        if let Some(place) = self.all.get_mut(id as usize) {
            *place = Some(kept);
        }
        id
    }

    pub(crate) fn remove(&mut self, id: Id) -> Option<Kept> {
        let kept = self.all.get_mut(id as usize)?.take()?;
        self.by_key.remove(&kept.key);
        self.free.push(id);
        Some(kept)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Id, &Kept)> {
        self.all.iter().enumerate().filter_map(|(id, kept)| Some((Id::try_from(id).ok()?, kept.as_ref()?)))
    }

    /// Objects of which something is true.
    pub(crate) fn ids(&self, is: impl Fn(&Kept) -> bool) -> Vec<Id> {
        self.iter().filter(|(_, kept)| is(kept)).map(|(id, _)| id).collect()
    }
}
