//! Writers of the same resource take turns, instead of each trying again whenever another one came first. Whether a write holds
//! is still told by the versions of what it read.

use std::hash::{BuildHasher as _, RandomState};

use tokio::sync::{Mutex, MutexGuard};

use crate::SageMaker;

/// So many that two resources seldom share a place, and so few that they take little memory.
const PLACES: usize = 1024;

/// Places to wait at; resources that share one wait for each other as well.
#[derive(Debug)]
pub(crate) struct Turns {
    hasher: RandomState,
    places: Vec<Mutex<()>>,
}

impl Default for Turns {
    fn default() -> Self {
        Self { hasher: RandomState::new(), places: (0..PLACES).map(|_| Mutex::default()).collect() }
    }
}

impl SageMaker {
    /// A turn at a resource. Who has one must not wait for another.
    pub async fn turn(&self, resource: &str) -> MutexGuard<'_, ()> {
        let turns = self.turns();
        #[allow(clippy::cast_possible_truncation)] // any bits will do
        let at = turns.hasher.hash_one(resource) as usize % turns.places.len();
        turns.places[at].lock().await
    }
}
