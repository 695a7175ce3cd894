//! Sessions that are fetched once, shared, and renewed before they end.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_smithy_async::time::SharedTimeSource;
use sagewright_port::cloud::CloudError;

/// Renewal begins this long before the end.
const MARGIN: Duration = Duration::from_secs(300);

/// Something held until it ends.
#[derive(Debug, Clone)]
pub(crate) struct Held<T> {
    /// The thing.
    pub value: T,
    /// When it ends; never, without.
    pub expires: Option<SystemTime>,
}

#[derive(Debug)]
struct Slot<T> {
    /// How many fetches have failed, readable without waiting for the one under way.
    failures: AtomicU64,
    state: tokio::sync::Mutex<State<T>>,
}

#[derive(Debug)]
struct State<T> {
    held: Option<(Held<T>, SystemTime)>,
    failed: Option<CloudError>,
}

impl<T: Clone> State<T> {
    /// Renewal begins early on purpose, and files may be read while they are written: the old session is tried on.
    fn usable(&self, now: SystemTime) -> Option<T> {
        let (held, _) = self.held.as_ref()?;
        held.expires.is_none_or(|end| now < end).then(|| held.value.clone())
    }
}

/// Sessions by key. Callers that ask for the same key at the same time wait for one fetch.
#[derive(Debug)]
pub(crate) struct Sessions<K, T> {
    slots: Mutex<HashMap<K, Arc<Slot<T>>>>,
    time: SharedTimeSource,
}

impl<K: Eq + Hash + Clone, T: Clone> Sessions<K, T> {
    pub(crate) fn new(time: SharedTimeSource) -> Self {
        Self { slots: Mutex::new(HashMap::new()), time }
    }

    fn slot(&self, key: &K) -> Arc<Slot<T>> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = || {
            let state = tokio::sync::Mutex::new(State { held: None, failed: None });
            Arc::new(Slot { failures: AtomicU64::new(0), state })
        };
        Arc::clone(slots.entry(key.clone()).or_insert_with(fresh))
    }

    /// The session of a key, fetched if there is none, it ends soon, or what it was made from has changed.
    pub(crate) async fn get<F>(
        &self,
        key: &K,
        is_current: impl Fn(&T) -> bool,
        fetch: impl FnOnce() -> F,
    ) -> Result<T, CloudError>
    where
        F: Future<Output = Result<Held<T>, CloudError>>,
    {
        let slot = self.slot(key);
        let failures = slot.failures.load(Ordering::Acquire);
        let mut state = slot.state.lock().await;
        let now = self.time.now();
        if let Some((held, renew)) = &state.held
            && (held.expires.is_none() || now < *renew)
            && is_current(&held.value)
        {
            return Ok(held.value.clone());
        }
        // Whoever waited while a fetch failed gets that answer instead of asking again in turn.
        if let Some(error) = &state.failed
            && slot.failures.load(Ordering::Acquire) > failures
        {
            return state.usable(now).ok_or_else(|| error.clone());
        }
        match fetch().await {
            Ok(held) => {
                let value = held.value.clone();
                let renew = renewal(held.expires, self.time.now());
                *state = State { held: Some((held, renew)), failed: None };
                Ok(value)
            }
            Err(error) => {
                let now = self.time.now();
                slot.failures.fetch_add(1, Ordering::AcqRel);
                state.failed = Some(error.clone());
                state.usable(now).ok_or(error)
            }
        }
    }

    /// Forgets a session that the service has refused, unless another has taken its place meanwhile.
    pub(crate) async fn forget(&self, key: &K, is_refused: impl Fn(&T) -> bool) {
        let slot = self.slot(key);
        let mut state = slot.state.lock().await;
        if state.held.as_ref().is_some_and(|(held, _)| is_refused(&held.value)) {
            state.held = None;
        }
    }
}

/// When to renew: some minutes before the end, or in the last quarter of a short session.
fn renewal(expires: Option<SystemTime>, now: SystemTime) -> SystemTime {
    let Some(expires) = expires else { return now };
    let left = expires.duration_since(now).unwrap_or_default();
    expires.checked_sub(MARGIN.min(left / 4)).unwrap_or(now)
}
