//! Access keys of users.

use rusqlite::{OptionalExtension, Row, params};

use super::{Identity, Principal, Secret, access_key_id, random, read, written};
use crate::store::{Key, StoreError};

/// An access key with its secret.
#[derive(Debug, Clone)]
pub struct AccessKey {
    /// Account id.
    pub account: String,
    /// Access key id.
    pub id: String,
    /// Secret access key.
    pub secret: Secret,
    /// When it was made, milliseconds since 1970.
    pub created: i64,
}

/// Whether a key may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyStatus {
    /// It may.
    Active,
    /// It is known and refused.
    Inactive,
}

/// What is known of a key besides its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredKey {
    /// Access key id.
    pub id: String,
    /// Whether it may be used.
    pub status: KeyStatus,
    /// When it was made, milliseconds since 1970.
    pub created: i64,
}

impl Identity {
    /// Makes a key for a user, usable at once.
    ///
    /// # Errors
    /// The database could not be written.
    pub fn create_key(&self, account: &str, user: &str) -> Result<AccessKey, StoreError> {
        let key = AccessKey {
            account: account.to_owned(),
            id: access_key_id("AKIA"),
            secret: Secret::new(random::secret()),
            created: self.clock.now().as_millisecond(),
        };
        self.store
            .connection()
            .execute(
                "INSERT INTO access_key VALUES (?,?,?,?,1,?)",
                params![key.id, key.secret.reveal(), account, user, key.created],
            )
            .map_err(written)?;
        Ok(key)
    }

    /// All keys of a user, the oldest first.
    ///
    /// # Errors
    /// The database could not be read.
    pub fn keys(&self, account: &str, user: &str) -> Result<Vec<StoredKey>, StoreError> {
        let connection = self.store.connection();
        let mut statement = connection
            .prepare_cached(
                "SELECT id, active, created FROM access_key WHERE account = ? AND user = ? ORDER BY created, id",
            )
            .map_err(read)?;
        let row = |row: &Row<'_>| {
            let status = if row.get(1)? { KeyStatus::Active } else { KeyStatus::Inactive };
            Ok(StoredKey { id: row.get(0)?, status, created: row.get(2)? })
        };
        let rows = statement.query_map(params![account, user], row).map_err(read)?;
        rows.collect::<Result<_, _>>().map_err(read)
    }

    /// Turns a user's key on or off. `false`: the user has no such key.
    ///
    /// # Errors
    /// The database could not be written.
    pub fn set_key_status(&self, account: &str, user: &str, id: &str, status: KeyStatus) -> Result<bool, StoreError> {
        let sql = "UPDATE access_key SET active = ? WHERE account = ? AND user = ? AND id = ?";
        let changed = self
            .store
            .connection()
            .execute(sql, params![status == KeyStatus::Active, account, user, id])
            .map_err(written)?;
        self.forget(id);
        Ok(changed > 0)
    }

    /// Removes a user's key. `false`: the user has no such key.
    ///
    /// # Errors
    /// The database could not be written.
    pub fn delete_key(&self, account: &str, user: &str, id: &str) -> Result<bool, StoreError> {
        let sql = "DELETE FROM access_key WHERE account = ? AND user = ? AND id = ?";
        let removed = self.store.connection().execute(sql, params![account, user, id]).map_err(written)?;
        self.forget(id);
        Ok(removed > 0)
    }

    pub(super) fn oldest_active_key(&self, account: &str, user: &str) -> Result<Option<AccessKey>, StoreError> {
        let sql = "SELECT id, secret, created FROM access_key WHERE account = ? AND user = ? AND active ORDER BY created, id LIMIT 1";
        let row = |row: &Row<'_>| {
            let (id, secret, created) = (row.get(0)?, Secret::new(row.get(1)?), row.get(2)?);
            Ok(AccessKey { account: account.to_owned(), id, secret, created })
        };
        self.store.connection().query_row(sql, params![account, user], row).optional().map_err(read)
    }

    pub(super) fn load_user(&self, access_key: &str) -> Result<Option<Principal>, StoreError> {
        let sql = "SELECT account, user, secret FROM access_key WHERE id = ? AND active";
        let row = |row: &Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?));
        let found = self.store.connection().query_row(sql, params![access_key], row).optional().map_err(read)?;
        let Some((account, user, secret)) = found else { return Ok(None) };
        let Some(record) = self.store.get(&Key::new(&account, "", "user", &user))? else { return Ok(None) };
        let user_id = record.body["UserId"].as_str().unwrap_or_default().to_owned();
        Ok(Some(Principal { account, secret: Secret::new(secret), arn: record.arn, user_id, session: None }))
    }
}
