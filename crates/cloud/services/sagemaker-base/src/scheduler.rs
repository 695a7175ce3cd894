//! Slots for jobs of all kinds, and the places of runs that wait for one or have one.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// One run of one job.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Run {
    /// Which job: names are used again.
    pub job: String,
    /// Which run of the job, from 1.
    pub number: u64,
}

/// Lets as many runs work at once as there are slots, in the order in which they came.
#[derive(Debug)]
pub struct Scheduler {
    slots: Arc<Semaphore>,
    places: Mutex<HashMap<Run, Place>>,
}

#[derive(Debug)]
struct Place {
    stop: watch::Sender<bool>,
    interrupt: watch::Sender<bool>,
    slot: Option<OwnedSemaphorePermit>,
}

/// What a run works with.
#[derive(Debug)]
pub struct Begun {
    /// Turns true when the run is to be stopped.
    pub stop: watch::Receiver<bool>,
    /// Free again when this is dropped.
    pub slot: OwnedSemaphorePermit,
}

impl Scheduler {
    /// A scheduler with so many slots, one at least.
    #[must_use]
    pub fn new(slots: usize) -> Self {
        Self { slots: Arc::new(Semaphore::new(slots.max(1))), places: Mutex::default() }
    }

    fn places(&self) -> MutexGuard<'_, HashMap<Run, Place>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a slot. `false` where the run left meanwhile, or has a place already.
    pub async fn admit(&self, run: &Run) -> bool {
        let (stop, mut left) = watch::channel(false);
        match self.places().entry(run.clone()) {
            Entry::Occupied(_) => return false,
            Entry::Vacant(place) => {
                place.insert(Place { stop, interrupt: watch::channel(false).0, slot: None });
            }
        }
        let slot = tokio::select! {
            biased;
            // The place is gone with its sender: no other end of the wait is told here.
            _ = left.wait_for(|_| false) => return false,
            slot = Arc::clone(&self.slots).acquire_owned() => slot.ok(),
        };
        match self.places().get_mut(run) {
            Some(place) => {
                place.slot = slot;
                true
            }
            None => false,
        }
    }

    /// Takes the slot of an admitted run.
    pub fn begin(&self, run: &Run) -> Option<Begun> {
        let mut places = self.places();
        let place = places.get_mut(run)?;
        Some(Begun { stop: place.stop.subscribe(), slot: place.slot.take()? })
    }

    /// Asks a run that has begun to stop.
    pub fn stop(&self, run: &Run) {
        if let Some(place) = self.places().get(run) {
            place.stop.send_replace(true);
        }
    }

    /// Tells a run that has begun that its instances are taken away.
    pub fn interrupt(&self, run: &Run) {
        if let Some(place) = self.places().get(run) {
            place.interrupt.send_replace(true);
        }
    }

    /// Turns true when the instances of a run are taken away. `None` where the run has no place.
    pub fn interruption(&self, run: &Run) -> Option<watch::Receiver<bool>> {
        self.places().get(run).map(|place| place.interrupt.subscribe())
    }

    /// Gives up the place of a run, with the slot that it has not begun to use.
    pub fn leave(&self, run: &Run) {
        self.places().remove(run);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(number: u64) -> Run {
        Run { job: "j".to_owned(), number }
    }

    #[tokio::test]
    async fn a_slot_is_free_again_when_its_run_has_ended_or_left() {
        let scheduler = Arc::new(Scheduler::new(1));
        assert!(scheduler.admit(&run(1)).await);
        assert!(!scheduler.admit(&run(1)).await, "one place each");
        let waits = |number| {
            let scheduler = scheduler.clone();
            tokio::spawn(async move { scheduler.admit(&run(number)).await })
        };
        let (second, third) = (waits(2), waits(3));
        tokio::task::yield_now().await;
        let begun = scheduler.begin(&run(1)).unwrap();
        assert!(scheduler.begin(&run(1)).is_none(), "begun once");
        scheduler.leave(&run(2));
        assert!(!second.await.unwrap());
        scheduler.stop(&run(1));
        assert!(*begun.stop.borrow());
        drop(begun);
        assert!(third.await.unwrap());
        // Admitted and not begun: the slot is not lost.
        scheduler.leave(&run(3));
        assert!(scheduler.admit(&run(4)).await);
    }
}
