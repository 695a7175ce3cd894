//! Effects that this process carries out: each once at a time, however often it is asked for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sagewright_cloud_core::records::Key;
use tokio::sync::Notify;

use crate::execution::machine::Executions;
use crate::execution::state::Attempt;
use crate::execution::step::Effect;

/// The cloud, the execution, and the effect. Tests have several clouds in one process.
type Place = (usize, Key, Effect);

static RUNNING: Mutex<Option<HashMap<Place, Arc<Notify>>>> = Mutex::new(None);

fn running() -> MutexGuard<'static, Option<HashMap<Place, Arc<Notify>>>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

fn place(executions: &Executions, key: &Key, effect: Effect) -> Place {
    (std::ptr::from_ref(executions.0.env()).addr(), key.clone(), effect)
}

/// One effect, as long as it is carried out.
pub(super) struct Running {
    place: Place,
    withdrawn: Arc<Notify>,
}

impl Running {
    /// `None` where it is being carried out already.
    pub(super) fn enter(executions: &Executions, key: &Key, effect: Effect) -> Option<Self> {
        let place = place(executions, key, effect);
        let withdrawn = Arc::new(Notify::new());
        let mut running = running();
        let all = running.get_or_insert_default();
        if all.contains_key(&place) {
            return None;
        }
        all.insert(place.clone(), Arc::clone(&withdrawn));
        Some(Self { place, withdrawn })
    }

    /// Completes when nobody waits for it any more.
    pub(super) async fn withdrawn(&self) {
        self.withdrawn.notified().await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        running().get_or_insert_default().remove(&self.place);
    }
}

/// Ends what is done to begin or to stop an attempt.
pub(super) fn withdraw(executions: &Executions, key: &Key, attempt: Attempt) {
    for effect in [Effect::Begin(attempt), Effect::Stop(attempt)] {
        if let Some(found) = running().get_or_insert_default().get(&place(executions, key, effect)) {
            found.notify_one();
        }
    }
}
