//! Writers of the same resource take turns, instead of each trying again whenever another one came first. Whether a write holds
//! is still told by the versions of what it read.

use std::hash::{BuildHasher as _, RandomState};

use tokio::sync::{Mutex, MutexGuard};

use crate::SageMaker;

/// Places to wait at; resources that share one wait for each other as well.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    hasher: RandomState,
    places: [Mutex<()>; 32],
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
