//! Who looks at the metrics of running jobs as they are logged. What nobody looks at costs a look into a table.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use sagewright_cloud_core::records::Key;

/// What is seen of a running job.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Seen<'a> {
    /// A run of it begins, from the start.
    Begun,
    /// A value of a metric was logged.
    Value(&'a str, f64),
}

/// Takes what is seen of a job in the order of its log, on the thread that reads that. It must not wait.
pub type Observer = Arc<dyn Fn(Seen<'_>) + Send + Sync>;

/// The observers of jobs; one at most for each job.
#[derive(Default)]
pub struct Observers(RwLock<HashMap<Key, Observer>>);

impl fmt::Debug for Observers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Observers").finish_non_exhaustive()
    }
}

impl Observers {
    /// Sets the observer of a job. It replaces the one before.
    pub fn set(&self, key: Key, observer: Observer) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(key, observer);
    }

    /// Removes the observer of a job.
    pub fn remove(&self, key: &Key) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(key);
    }

    /// Gives what is seen to the job's observer, if it has one.
    pub fn tell(&self, key: &Key, seen: Seen<'_>) {
        let observer = self.0.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned();
        if let Some(observer) = observer {
            observer(seen);
        }
    }
}
