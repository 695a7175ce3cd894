//! What is due, and when: each thing once. Pure: times are passed in.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

use tokio::time::Instant;

/// Things that are due, each at one time.
#[derive(Debug)]
pub(crate) struct Due<K> {
    times: HashMap<K, Instant>,
    order: BTreeSet<(Instant, K)>,
}

impl<K> Default for Due<K> {
    fn default() -> Self {
        Self { times: HashMap::new(), order: BTreeSet::new() }
    }
}

impl<K: Clone + Eq + Hash + Ord> Due<K> {
    /// The thing is due at that time, or earlier where it was already.
    pub(crate) fn insert(&mut self, key: K, at: Instant) {
        if let Some(before) = self.times.get(&key) {
            if *before <= at {
                return;
            }
            self.order.remove(&(*before, key.clone()));
        }
        self.times.insert(key.clone(), at);
        self.order.insert((at, key));
    }

    /// Takes what has been due longest.
    pub(crate) fn take(&mut self, now: Instant) -> Option<K> {
        self.next().filter(|at| *at <= now)?;
        let (_, key) = self.order.pop_first()?;
        self.times.remove(&key);
        Some(key)
    }

    /// When the next one is due.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.order.first().map(|(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_thing_is_due_once_at_its_earliest_time() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut due = Due::default();
        for (key, seconds) in [("b", 3), ("a", 5), ("b", 2), ("b", 4), ("c", 9)] {
            due.insert(key, at(seconds));
        }
        assert_eq!((due.next(), due.take(at(1))), (Some(at(2)), None));
        assert_eq!((due.take(at(6)), due.take(at(6)), due.take(at(6))), (Some("b"), Some("a"), None));
        assert_eq!(due.next(), Some(at(9)));
    }
}
