//! Access keys of users. A key works as long as its user is there, by unique id: the next user of the same name does not
//! take it over.

use serde_json::json;

use super::{Identity, Principal, Secret, access_key_id, random};
use crate::records::{Filter, Key, Query, Record, StoreError, Write};

/// Keys are looked up before it is known whose they are: their records are of no account.
const KIND: &str = "access-key";
const ACTIVE: &str = "Active";
const INACTIVE: &str = "Inactive";

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

fn key(id: &str) -> Key {
    Key::new("", "", KIND, id)
}

fn secret(record: &Record, member: &str) -> Secret {
    Secret::new(record.body[member].as_str().unwrap_or_default().to_owned())
}

impl Identity {
    /// Makes a key for a user, usable at once. `None`: there is no such user.
    ///
    /// # Errors
    /// The store failed.
    pub async fn create_key(&self, account: &str, user: &str) -> Result<Option<AccessKey>, StoreError> {
        let Some(owner) = self.store.record(&Key::new(account, "", "user", user)).await? else { return Ok(None) };
        let made = AccessKey {
            account: account.to_owned(),
            id: access_key_id("AKIA"),
            secret: Secret::new(random::secret()),
            created: self.clock.now().as_millisecond(),
        };
        let record = Record {
            key: key(&made.id),
            arn: owner.arn,
            status: ACTIVE.to_owned(),
            created: made.created,
            modified: made.created,
            body: json!({
                "Account": account, "User": user, "UserId": owner.body["UserId"], "Secret": made.secret.reveal(),
            }),
        };
        self.store.write(Write::Insert(record)).await?;
        Ok(Some(made))
    }

    /// All keys of a user, the oldest first.
    ///
    /// # Errors
    /// The store failed.
    pub async fn keys(&self, account: &str, user: &str) -> Result<Vec<StoredKey>, StoreError> {
        let stored = |record: Record| StoredKey {
            status: if record.status == ACTIVE { KeyStatus::Active } else { KeyStatus::Inactive },
            created: record.created,
            id: record.key.name,
        };
        Ok(self.of_user(account, user).await?.into_iter().map(stored).collect())
    }

    async fn of_user(&self, account: &str, user: &str) -> Result<Vec<Record>, StoreError> {
        let mut query = Query::all("", "", KIND);
        query.filters = [("Account", account), ("User", user)]
            .map(|(member, value)| Filter::Member(member.to_owned(), value.to_owned()))
            .into();
        let found = self.store.find(query).await?;
        let mut keys: Vec<Record> = found.into_iter().map(|found| found.record).collect();
        keys.sort_by_key(|key| key.created);
        Ok(keys)
    }

    /// Turns a user's key on or off. `false`: the user has no such key.
    ///
    /// # Errors
    /// The store failed.
    pub async fn set_key_status(
        &self,
        account: &str,
        user: &str,
        id: &str,
        status: KeyStatus,
    ) -> Result<bool, StoreError> {
        let at = key(id);
        let changed = self.store.update(&at, |key, _| {
            if !belongs(key, account, user) {
                return Err(());
            }
            key.status = if status == KeyStatus::Active { ACTIVE } else { INACTIVE }.to_owned();
            key.modified = self.clock.now().as_millisecond();
            Ok(())
        });
        let changed = changed.await?;
        self.forget(|principals| drop(principals.remove(id)));
        Ok(matches!(changed, Some(Ok(()))))
    }

    /// Removes a user's key. `false`: the user has no such key.
    ///
    /// # Errors
    /// The store failed.
    pub async fn delete_key(&self, account: &str, user: &str, id: &str) -> Result<bool, StoreError> {
        let found = self.store.record(&key(id)).await?.filter(|key| belongs(key, account, user));
        let Some(found) = found else { return Ok(false) };
        let removed = self.store.delete(&found.key).await;
        self.forget(|principals| drop(principals.remove(id)));
        removed
    }

    pub(super) async fn oldest_active_key(&self, account: &str, user: &str) -> Result<Option<AccessKey>, StoreError> {
        let Some(owner) = self.store.record(&Key::new(account, "", "user", user)).await? else { return Ok(None) };
        let keys = self.of_user(account, user).await?;
        let key = keys.into_iter().find(|key| key.status == ACTIVE && key.body["UserId"] == owner.body["UserId"]);
        Ok(key.map(|key| AccessKey {
            account: account.to_owned(),
            secret: secret(&key, "Secret"),
            created: key.created,
            id: key.key.name,
        }))
    }

    pub(super) async fn load_user(&self, access_key: &str) -> Result<Option<Principal>, StoreError> {
        let found = self.store.record(&key(access_key)).await?.filter(|key| key.status == ACTIVE);
        let Some(found) = found else { return Ok(None) };
        let text = |member: &str| found.body[member].as_str().unwrap_or_default();
        let (account, user_id) = (text("Account"), text("UserId"));
        let owner = self.store.record(&Key::new(account, "", "user", text("User"))).await?;
        let owner = owner.filter(|owner| owner.body["UserId"] == user_id);
        Ok(owner.map(|owner| Principal {
            account: account.to_owned(),
            secret: secret(&found, "Secret"),
            arn: owner.arn,
            user_id: user_id.to_owned(),
            session: None,
        }))
    }
}

fn belongs(key: &Record, account: &str, user: &str) -> bool {
    key.body["Account"] == account && key.body["User"] == user
}
