//! Records and tags that were read or written lately, in memory.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex};

use sagewright_cloud_core::records::{Key, StoreError, Versioned};

use crate::lock;

/// How many records are kept, and the tags of how many resources.
const MOST: usize = 4096;

/// Keys and values.
type Pairs = Vec<(String, String)>;

/// What is kept. Only the writer changes it, after its commit.
#[derive(Default)]
pub struct Kept(Mutex<State>);

#[derive(Default)]
struct State {
    records: HashMap<Key, Arc<Versioned>>,
    tags: HashMap<String, Pairs>,
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
    ) -> Result<Option<Versioned>, StoreError> {
        let commits = {
            let state = lock(&self.0);
            if let Some(found) = state.records.get(key).map(Arc::clone) {
                drop(state);
                return Ok(Some(Versioned::clone(&found)));
            }
            state.commits
        };
        let found = read()?;
        if let Some(found) = &found {
            let mut state = lock(&self.0);
            if state.commits == commits {
                keep(&mut state.records, key.clone(), Arc::new(found.clone()));
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
        let mut state = lock(&self.0);
        if state.commits == commits {
            keep(&mut state.tags, arn.to_owned(), found.clone());
        }
        Ok(found)
    }

    /// To be called after each commit, before it is acknowledged.
    pub fn committed(&self, changes: Changes) {
        let mut state = lock(&self.0);
        state.commits += 1;
        for (key, change) in changes.records {
            match change {
                Some(record) => keep(&mut state.records, key, Arc::new(record)),
                None => drop(state.records.remove(&key)),
            }
        }
        for arn in changes.tags {
            state.tags.remove(&arn);
        }
    }
}

fn keep<K: Eq + Hash, V>(kept: &mut HashMap<K, V>, key: K, value: V) {
    if kept.len() >= MOST {
        kept.clear();
    }
    kept.insert(key, value);
}
