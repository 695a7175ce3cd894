//! The requests of an endpoint that wait, in the order in which they came.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// What waits. The records are in the store; this is their order.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// By name of the record.
    waiting: BTreeMap<String, Waiting>,
    running: usize,
}

/// A request that waits. Times are in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Waiting {
    pub received: i64,
    pub expires: i64,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request came.
    pub fn push(&self, name: String, waiting: Waiting) {
        self.lock().waiting.insert(name, waiting);
        self.wake();
    }

    /// Has who takes requests look again.
    pub fn wake(&self) {
        self.changed.notify_one();
    }

    /// Completes when something may have changed since the last look.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    pub fn is_empty(&self) -> bool {
        self.lock().waiting.is_empty()
    }

    /// Takes the oldest request to be worked on.
    pub fn take(&self) -> Option<(String, Waiting)> {
        let mut state = self.lock();
        let taken = state.waiting.pop_first()?;
        state.running += 1;
        Some(taken)
    }

    /// Takes a request that is too old at a time.
    pub fn take_expired(&self, now: i64) -> Option<(String, Waiting)> {
        let mut state = self.lock();
        let name = state.waiting.iter().find(|(_, waiting)| waiting.expires <= now)?.0.clone();
        let taken = state.waiting.remove_entry(&name)?;
        state.running += 1;
        Some(taken)
    }

    /// A request that was taken is done, or waits again.
    pub fn finish(&self, again: Option<(String, Waiting)>) {
        {
            let mut state = self.lock();
            state.running = state.running.saturating_sub(1);
            state.waiting.extend(again);
        }
        self.wake();
    }

    /// When the next request is too old.
    pub fn next_expiry(&self) -> Option<i64> {
        self.lock().waiting.values().map(|waiting| waiting.expires).min()
    }

    /// How many requests wait or are worked on, and when the oldest of those that wait came.
    pub fn size(&self) -> (usize, Option<i64>) {
        let state = self.lock();
        let oldest = state.waiting.first_key_value().map(|(_, waiting)| waiting.received);
        (state.waiting.len() + state.running, oldest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(queue: &Queue, name: &str, received: i64, expires: i64) {
        queue.push(name.to_owned(), Waiting { received, expires });
    }

    #[test]
    fn requests_are_taken_in_their_order_and_counted_until_they_are_done() {
        let queue = Queue::default();
        push(&queue, "e/2", 2, 90);
        push(&queue, "e/1", 1, 100);
        assert_eq!((queue.size(), queue.next_expiry()), ((2, Some(1)), Some(90)));
        let first = queue.take().unwrap();
        assert_eq!((&*first.0, queue.size()), ("e/1", (2, Some(2))));
        queue.finish(Some(first));
        assert_eq!(queue.take().unwrap().0, "e/1", "it waits again, in its old place");
        queue.finish(None);
        assert_eq!(queue.size(), (1, Some(2)));
    }

    #[test]
    fn what_is_too_old_is_taken_apart_from_its_place() {
        let queue = Queue::default();
        push(&queue, "e/1", 1, 100);
        push(&queue, "e/2", 2, 50);
        assert_eq!(queue.take_expired(49), None);
        assert_eq!(queue.take_expired(50).unwrap().0, "e/2");
        assert_eq!((queue.size(), queue.is_empty()), ((2, Some(1)), false));
    }
}
