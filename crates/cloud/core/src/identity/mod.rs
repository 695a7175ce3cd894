//! Who is who: accounts, access keys and sessions, kept in the embedded cloud's database.

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
use crate::store::{Store, StoreError};

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS account (id TEXT PRIMARY KEY, created INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS access_key (
    id      TEXT PRIMARY KEY,
    secret  TEXT NOT NULL,
    account TEXT NOT NULL,
    user    TEXT NOT NULL,
    active  INTEGER NOT NULL,
    created INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS access_key_by_user ON access_key (account, user);
CREATE TABLE IF NOT EXISTS session (
    id      TEXT PRIMARY KEY,
    secret  TEXT NOT NULL,
    token   TEXT NOT NULL,
    account TEXT NOT NULL,
    arn     TEXT NOT NULL,
    user_id TEXT NOT NULL,
    role    TEXT,
    tags    TEXT NOT NULL,
    source  TEXT,
    expires INTEGER NOT NULL,
    further TEXT NOT NULL DEFAULT '{}'
) WITHOUT ROWID;
";

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
    store: Store,
    clock: SharedWall,
    partition: Arc<str>,
    known: Arc<RwLock<HashMap<String, Arc<Principal>>>>,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Identity")
    }
}

impl Identity {
    /// Opens the identities of a database.
    ///
    /// # Errors
    /// The database could not be written.
    pub fn open(store: Store, clock: SharedWall, partition: &str) -> Result<Self, StoreError> {
        store.connection().execute_batch(SCHEMA).map_err(written)?;
        session::add_missing_column(&store)?;
        let identity = Self { store, clock, partition: partition.into(), known: Arc::default() };
        identity.forget_old_sessions()?;
        Ok(identity)
    }

    /// Whom an access key stands for; `None` where there is no such active key, or where the user or role is gone that
    /// it was given out for, whoever has the name now. An expired session is still found.
    ///
    /// # Errors
    /// The database could not be read.
    pub fn lookup(&self, access_key: &str) -> Result<Option<Arc<Principal>>, StoreError> {
        if let Some(found) = self.known.read().unwrap_or_else(PoisonError::into_inner).get(access_key) {
            return Ok(Some(Arc::clone(found)));
        }
        // Loaded under the lock, so that a key that is deleted meanwhile cannot come back into memory.
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let loaded = match self.load_session(access_key)? {
            Some(principal) => Some(principal),
            None => self.load_user(access_key)?,
        };
        let Some(found) = loaded.map(Arc::new) else { return Ok(None) };
        if known.len() >= KEPT {
            known.clear();
        }
        known.insert(access_key.to_owned(), Arc::clone(&found));
        Ok(Some(found))
    }

    /// The partition of all ARNs made here.
    #[must_use]
    pub fn partition(&self) -> &str {
        &self.partition
    }

    /// To be called when a user or a role has been deleted: its keys and sessions end.
    ///
    /// # Errors
    /// The database could not be written.
    pub fn entity_deleted(&self, account: &str, kind: &str, name: &str) -> Result<(), StoreError> {
        // What is in memory goes after the record; what is loaded from then on is checked against it.
        self.known.write().unwrap_or_else(PoisonError::into_inner).clear();
        if kind == "user" {
            // A key that was made while the user was being deleted must not work for the next one of that name.
            let sql = "DELETE FROM access_key WHERE account = ? AND user = ?";
            self.store.connection().execute(sql, rusqlite::params![account, name]).map_err(written)?;
        }
        Ok(())
    }

    fn forget(&self, access_key: &str) {
        self.known.write().unwrap_or_else(PoisonError::into_inner).remove(access_key);
    }
}

fn written(source: rusqlite::Error) -> StoreError {
    StoreError::Database { verb: "written", source }
}

fn read(source: rusqlite::Error) -> StoreError {
    StoreError::Database { verb: "read", source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemWall;

    fn identity(store: &Store) -> Identity {
        Identity::open(store.clone(), Arc::new(SystemWall), "aws").unwrap()
    }

    #[test]
    fn an_accounts_key_is_made_once_and_stays() {
        let store = Store::in_memory().unwrap();
        let key = identity(&store).credentials("000000000000").unwrap();
        assert!(key.id.starts_with("AKIA") && key.id.len() == 20, "{}", key.id);
        assert_eq!(key.secret.reveal().len(), 40);
        let again = identity(&store).credentials("000000000000").unwrap();
        assert_eq!((&again.id, again.secret.reveal()), (&key.id, key.secret.reveal()));
        let other = identity(&store).credentials("111111111111").unwrap();
        assert_ne!(other.id, key.id);
        let principal = identity(&store).lookup(&other.id).unwrap().unwrap();
        assert_eq!(principal.arn, "arn:aws:iam::111111111111:user/sagewright");
        assert_eq!(principal.account, "111111111111");
    }

    #[test]
    fn secrets_are_not_shown() {
        let store = Store::in_memory().unwrap();
        let identity = identity(&store);
        let key = identity.credentials("000000000000").unwrap();
        let principal = identity.lookup(&key.id).unwrap().unwrap();
        let shown = format!("{key:?} {principal:?} {identity:?}");
        assert!(!shown.contains(key.secret.reveal()), "{shown}");
    }

    #[test]
    fn an_account_id_has_twelve_digits() {
        let store = Store::in_memory().unwrap();
        for bad in ["", "12", "12345678901a", "1234567890123"] {
            assert!(identity(&store).credentials(bad).is_err(), "{bad}");
        }
    }
}
