//! Who is who: accounts, access keys and sessions, kept as records.
//!
//! Another process may add some (`local env`); none but the running cloud changes or removes any.

mod account;
mod key;
mod policies;
mod random;
mod secret;
mod session;
mod trust;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use jiff::Timestamp;

pub use account::{EXECUTION_ROLE, USER};
pub use key::{AccessKey, KeyStatus, StoredKey};
pub use policies::{own_policy, policy_exists};
pub use random::{access_key_id, pass, unique_id};
pub use secret::Secret;
pub use session::{Further, NewSession, Session};
pub use trust::{ServiceAsks, add_role, assumable_by_service, role};

use crate::clock::SharedWall;
use crate::records::{SharedRecords, StoreError};

/// How many principals are kept in memory.
const KEPT: usize = 4096;

/// Whom an access key stands for.
#[derive(Debug, Clone)]
pub struct Principal {
    /// Account id.
    pub account: String,
    /// The key's secret.
    pub secret: Secret,
    /// ARN of the user, or of the role's session.
    pub arn: String,
    /// STS `UserId`.
    pub user_id: String,
    /// What only a session has.
    pub session: Option<Session>,
}

impl Principal {
    /// Whether the session is over; never so for a user's own key.
    #[must_use]
    pub fn expired(&self, now: Timestamp) -> bool {
        self.session.as_ref().is_some_and(|s| s.expires <= now)
    }
}

/// Accounts, access keys and sessions; cheap to clone.
#[derive(Clone)]
pub struct Identity {
    store: SharedRecords,
    clock: SharedWall,
    partition: Arc<str>,
    known: Arc<RwLock<Known>>,
}

/// Principals in memory: every request asks for one.
#[derive(Default)]
struct Known {
    principals: HashMap<String, Arc<Principal>>,
    /// Counts what was forgotten, so that what was read before a key ended is not kept after it.
    forgotten: u64,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Identity")
    }
}

impl Identity {
    /// The identities of a store.
    #[must_use]
    pub fn new(store: SharedRecords, clock: SharedWall, partition: &str) -> Self {
        Self { store, clock, partition: partition.into(), known: Arc::default() }
    }

    /// Whom an access key stands for; `None` where there is no such active key, or where the user or role is gone that
    /// it was given out for, whoever has the name now. An expired session is still found.
    ///
    /// # Errors
    /// The store failed.
    pub async fn lookup(&self, access_key: &str) -> Result<Option<Arc<Principal>>, StoreError> {
        let forgotten = {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(found) = known.principals.get(access_key) {
                return Ok(Some(Arc::clone(found)));
            }
            known.forgotten
        };
        let loaded = match self.load_session(access_key).await? {
            Some(principal) => Some(principal),
            None => self.load_user(access_key).await?,
        };
        let Some(found) = loaded.map(Arc::new) else { return Ok(None) };
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.forgotten == forgotten {
            if known.principals.len() >= KEPT {
                known.principals.clear();
            }
            known.principals.insert(access_key.to_owned(), Arc::clone(&found));
        }
        Ok(Some(found))
    }

    /// The partition of all ARNs made here.
    #[must_use]
    pub fn partition(&self) -> &str {
        &self.partition
    }

    /// To be called when a user or a role has been deleted: its keys and sessions end. What is in memory goes after the
    /// record; what is loaded from then on is checked against it.
    pub fn entity_deleted(&self) {
        self.forget(|principals| principals.clear());
    }

    fn forget(&self, forget: impl FnOnce(&mut HashMap<String, Arc<Principal>>)) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.forgotten += 1;
        forget(&mut known.principals);
    }
}
