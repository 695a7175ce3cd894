//! Records and tags that were read or written lately, in memory.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex};

use sagewright_cloud_core::records::{Key, StoreError, Versioned};
use sagewright_cloud_core::weight;

use crate::lock;

/// How many records are kept, and the tags of how many resources.
const MOST: usize = 4096;

/// How many bytes of memory the records take, and the tags.
const MOST_BYTES: usize = 32 * 1024 * 1024;

/// What takes more bytes of memory is not kept: one such body would drive out many that are read as often.
const LONGEST: usize = 256 * 1024;

/// Keys and values.
type Pairs = Vec<(String, String)>;

/// What is kept. Only the writer changes it, after its commit.
#[derive(Default)]
pub struct Kept(Mutex<State>);

#[derive(Default)]
struct State {
    records: Bounded<Key, Arc<Versioned>>,
    tags: Bounded<String, Pairs>,
    /// Counts commits, so that what was read before one is not kept after it.
    commits: u64,
}

/// What a commit changed.
#[derive(Default)]
pub struct Changes {
    /// Records by key, `None` for those that are gone.
    pub records: Vec<(Key, Option<Versioned>)>,
    /// ARNs of resources whose tags are others.
    pub tags: Vec<String>,
}

impl Kept {
    /// A kept record, or the one that `read` finds.
    pub fn get(
        &self,
        key: &Key,
        read: impl FnOnce() -> Result<Option<Versioned>, StoreError>,
    ) -> Result<Option<Arc<Versioned>>, StoreError> {
        let commits = {
            let state = lock(&self.0);
            if let Some(found) = state.records.get(key) {
                return Ok(Some(Arc::clone(found)));
            }
            state.commits
        };
        let found = read()?.map(Arc::new);
        if let Some(found) = &found {
            let bytes = record_bytes(found);
            if bytes <= LONGEST {
                let mut state = lock(&self.0);
                if state.commits == commits {
                    state.records.keep(key.clone(), Arc::clone(found), bytes);
                }
            }
        }
        Ok(found)
    }

    /// The kept tags of a resource, or those that `read` finds.
    pub fn tags(&self, arn: &str, read: impl FnOnce() -> Result<Pairs, StoreError>) -> Result<Pairs, StoreError> {
        let commits = {
            let state = lock(&self.0);
            if let Some(found) = state.tags.get(arn) {
                return Ok(found.clone());
            }
            state.commits
        };
        let found = read()?;
        let bytes = arn.len()
            + found.iter().map(|(key, value)| 2 * size_of::<String>() + key.len() + value.len()).sum::<usize>();
        let mut state = lock(&self.0);
        if state.commits == commits {
            state.tags.keep(arn.to_owned(), found.clone(), bytes);
        }
        Ok(found)
    }

    /// To be called after each commit, before it is acknowledged.
    pub fn committed(&self, changes: Changes) {
        let weigh = |(key, record): (Key, Option<Versioned>)| {
            let bytes = record.as_ref().map_or(0, record_bytes);
            (key, record.map(Arc::new), bytes)
        };
        let records: Vec<_> = changes.records.into_iter().map(weigh).collect();
        let mut state = lock(&self.0);
        state.commits += 1;
        for (key, record, bytes) in records {
            match record.filter(|_| bytes <= LONGEST) {
                Some(record) => state.records.keep(key, record, bytes),
                None => state.records.remove(&key),
            }
        }
        for arn in changes.tags {
            state.tags.remove(&arn);
        }
    }
}

fn record_bytes(found: &Versioned) -> usize {
    size_of::<Versioned>() + found.record.arn.len() + 2 * found.record.key.name.len() + weight::of(&found.record.body)
}

/// Values with their bytes; all go when there are too many of either.
struct Bounded<K, V> {
    values: HashMap<K, (V, usize)>,
    bytes: usize,
}

impl<K, V> Default for Bounded<K, V> {
    fn default() -> Self {
        Self { values: HashMap::new(), bytes: 0 }
    }
}

impl<K: Eq + Hash, V> Bounded<K, V> {
    fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.values.get(key).map(|(value, _)| value)
    }

    fn keep(&mut self, key: K, value: V, bytes: usize) {
        if self.values.len() >= MOST || self.bytes + bytes > MOST_BYTES {
            self.values.clear();
            self.bytes = 0;
        }
        self.bytes += bytes;
        if let Some((_, before)) = self.values.insert(key, (value, bytes)) {
            self.bytes -= before;
        }
    }

    fn remove<Q: Eq + Hash + ?Sized>(&mut self, key: &Q)
    where
        K: Borrow<Q>,
    {
        if let Some((_, bytes)) = self.values.remove(key) {
            self.bytes -= bytes;
        }
    }
}
