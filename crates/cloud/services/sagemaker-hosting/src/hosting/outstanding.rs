//! Requests that are under way.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts requests; clones count together.
#[derive(Debug, Clone, Default)]
pub(super) struct Outstanding(Arc<AtomicUsize>);

/// One request under way, until it is dropped.
#[derive(Debug)]
pub(super) struct Held(Outstanding);

impl Outstanding {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    /// One more.
    pub fn hold(&self) -> Held {
        self.0.fetch_add(1, Ordering::SeqCst);
        Held(self.clone())
    }

    /// One more, where there are fewer than `most`.
    pub fn hold_below(&self, most: usize) -> Option<Held> {
        let more = |count| (count < most).then_some(count + 1);
        self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more).ok().map(|_| Held(self.clone()))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}
