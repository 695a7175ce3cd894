//! The places for connections. When all are taken, the connection that has been idle for longest makes room.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// A connection that answers a request.
const BUSY: u64 = u64::MAX;
/// A connection that was told to close.
const LEAVING: u64 = u64::MAX - 1;

/// All places.
pub(super) struct Slots {
    most: usize,
    taken: Mutex<HashMap<u64, Arc<State>>>,
    /// Counts what connections begin and end: a smaller number was longer ago.
    ticks: AtomicU64,
    /// A place came free, or a connection became idle.
    changed: Notify,
}

impl Slots {
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, taken: Mutex::default(), ticks: AtomicU64::new(0), changed: Notify::new() })
    }

    /// A place for a connection that was accepted. Waits while all others answer requests.
    pub(super) async fn take(self: &Arc<Self>) -> Arc<Place> {
        loop {
            if let Some(place) = self.try_take() {
                return place;
            }
            // What changed since is not lost: it lets this go on at once.
            self.changed.notified().await;
        }
    }

    fn try_take(self: &Arc<Self>) -> Option<Arc<Place>> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.len() >= self.most {
            close_longest_idle(&taken);
            return None;
        }
        let id = self.tick();
        let state = Arc::new(State { idle_since: AtomicU64::new(id), close: Notify::new() });
        taken.insert(id, Arc::clone(&state));
        Some(Arc::new(Place { id, state, slots: Arc::clone(self) }))
    }

    fn tick(&self) -> u64 {
        self.ticks.fetch_add(1, Ordering::Relaxed)
    }
}

/// Asks one connection to close, unless one is about to already.
fn close_longest_idle(taken: &HashMap<u64, Arc<State>>) {
    let since = |state: &State| state.idle_since.load(Ordering::Acquire);
    if taken.values().any(|state| since(state) == LEAVING) {
        return;
    }
    let oldest = taken.values().map(|state| (since(state), state)).filter(|(since, _)| *since < LEAVING);
    if let Some((was, state)) = oldest.min_by_key(|(since, _)| *since)
        && state.idle_since.compare_exchange(was, LEAVING, Ordering::AcqRel, Ordering::Acquire).is_ok()
    {
        state.close.notify_one();
    }
}

/// What one connection does.
struct State {
    /// When the connection became idle, [`BUSY`] or [`LEAVING`].
    idle_since: AtomicU64,
    close: Notify,
}

/// One connection's place; given back when it is dropped.
pub(super) struct Place {
    id: u64,
    state: Arc<State>,
    slots: Arc<Slots>,
}

impl Place {
    /// Returns when the connection is to make room.
    pub(super) async fn must_close(&self) {
        self.state.close.notified().await;
    }

    /// Whether a request is being answered.
    pub(super) fn is_busy(&self) -> bool {
        self.state.idle_since.load(Ordering::Acquire) == BUSY
    }

    /// Marks a request that is being answered, until the mark is dropped.
    pub(super) fn busy(self: &Arc<Self>) -> Busy {
        self.state.idle_since.store(BUSY, Ordering::Release);
        Busy(Arc::clone(self))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.slots.taken.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
        self.slots.changed.notify_one();
    }
}

/// A request that is being answered.
pub(super) struct Busy(Arc<Place>);

impl Drop for Busy {
    fn drop(&mut self) {
        let Place { state, slots, .. } = &*self.0;
        state.idle_since.store(slots.tick(), Ordering::Release);
        slots.changed.notify_one();
    }
}
