//! Records that were read or written lately, in memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use sagewright_cloud_core::records::{Key, StoreError, Versioned};

use crate::lock;

/// How many records are kept.
const MOST: usize = 4096;

/// Kept records. Only the writer changes them, after its commit.
#[derive(Default)]
pub struct Kept(Mutex<State>);

#[derive(Default)]
struct State {
    records: HashMap<Key, Arc<Versioned>>,
    /// Counts commits, so that what was read before one is not kept after it.
    commits: u64,
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
                state.keep(key.clone(), found.clone());
            }
        }
        Ok(found)
    }

    /// What a commit changed: records by key, `None` for those that are gone.
    pub fn committed(&self, changes: Vec<(Key, Option<Versioned>)>) {
        let mut state = lock(&self.0);
        state.commits += 1;
        for (key, change) in changes {
            match change {
                Some(record) => state.keep(key, record),
                None => drop(state.records.remove(&key)),
            }
        }
    }
}

impl State {
    fn keep(&mut self, key: Key, record: Versioned) {
        if self.records.len() >= MOST {
            self.records.clear();
        }
        self.records.insert(key, Arc::new(record));
    }
}
